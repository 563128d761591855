"""One psql session driven through a pipe: statements in, JSON and SQLSTATEs out."""

import json
import subprocess

MARK = '\x01'


class Answer:
    def __init__(self, sqlstate, rows, text):
        self.sqlstate = sqlstate
        self.rows = rows
        self.text = text

    @property
    def failed(self):
        return self.sqlstate != '00000'


class Session:
    """Runs batches of statements; each statement is a query whose rows come back as parsed JSON."""

    def __init__(self, database):
        self.process = subprocess.Popen(
            ['psql', '-X', '-q', '-A', '-t', '-d', database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding='utf-8')
        self.process.stdin.write("\\set VERBOSITY verbose\n\\set SHOW_CONTEXT never\nSET client_min_messages = warning;\n")

    def run(self, statements):
        """Send all, then read all: one Answer for each statement."""
        script = []
        for number, statement in enumerate(statements):
            script.append(statement.rstrip().rstrip(';') + ';\n')
            script.append('\\echo %s%d :SQLSTATE\n' % (MARK, number))
        self.process.stdin.write(''.join(script))
        self.process.stdin.flush()
        return [self._read(number) for number in range(len(statements))]

    def rows(self, query):
        """The rows of a query that must not fail, as dictionaries with text values."""
        answer = self.run([as_json(query)])[0]
        if answer.failed:
            raise RuntimeError('%s\n%s' % (query, answer.text))
        return answer.rows

    def execute(self, statement):
        answer = self.run([statement])[0]
        if answer.failed:
            raise RuntimeError('%s\n%s' % (statement, answer.text))
        return answer

    def _read(self, number):
        lines = []
        for line in self.process.stdout:
            if line.startswith(MARK):
                said, sqlstate = line[1:].split()
                assert int(said) == number, (said, number)
                text = ''.join(lines)
                rows = [json.loads(l) for l in lines if l.startswith('{')] if sqlstate == '00000' else []
                return Answer(sqlstate, rows, text)
            lines.append(line)
        raise RuntimeError('psql ended: ' + ''.join(lines))


def as_json(query):
    return 'SELECT row_to_json(answer) FROM (%s) AS answer' % query.rstrip().rstrip(';')


def literal(value):
    """A value as an SQL literal; None is NULL."""
    if value is None:
        return 'NULL'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
