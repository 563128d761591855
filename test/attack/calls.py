#!/usr/bin/python3
"""Calls of every function in attack.routine, as CSV for attack.planned: arguments come from the dictionary attack.value by
the name and type of the parameter.  Everything is read from the catalog: a new function is attacked by being there.

    test/attack/calls.py MOST [SEED]      in database PGDATABASE

MOST is how many values of each parameter are tried.  With SEED there are MOST calls a function whose arguments are drawn at
random, each from any arm.

Kinds of call: own, foreign, none (all arguments are the own tenant's, the other's, nobody's), null (all NULL), and "one ..."
where one argument, the odd one, is of another kind than the others, which are the own tenant's.
"""

import csv
import json
import os
import random
import subprocess
import sys

ARMS = {'foreign': 'other', 'none': 'none'}


def rows(query):
    answer = subprocess.run(['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', 'SET search_path = pg_catalog', '-c', 'SELECT to_jsonb(x) FROM (%s) AS x' % query],
                            check=True, capture_output=True, text=True, encoding='utf-8')
    return [json.loads(line) for line in answer.stdout.splitlines() if line]


def group(items, *keys):
    grouped = {}
    for item in items:
        grouped.setdefault(tuple(item[key] for key in keys), []).append(item)
    return grouped


class Calls:
    stride = 8

    def __init__(self):
        self.values = group(rows('SELECT * FROM attack.value ORDER BY n'), 'param', 'type', 'arm')
        self.parts = group(rows('SELECT * FROM attack.made_of ORDER BY n'), 'type')
        self.parameters = group(rows('SELECT * FROM attack.parameter ORDER BY position'), 'routine')
        self.routines = rows('SELECT r.*, p.prokind, p.oid::regproc::text AS name FROM attack.routine r JOIN pg_proc p USING (oid) ORDER BY p.oid')

    def listed(self, param, kind, arm):
        return self.values.get((param, kind, arm)) or self.values.get(('*', kind, arm)) or []

    def has_fresh(self, name):
        return any(param in (name, name[:-1]) and arm == 'fresh' for param, _, arm in self.values)

    def argument(self, param, kind, arm, n, depth=0):
        """An SQL expression: the n-th value (from 0, and round again) that the dictionary has for the parameter in that arm."""
        listed = self.listed(param, kind, arm)
        if arm == 'null' or depth > 3:
            return 'NULL::' + kind
        if listed:
            value = listed[n % len(listed)]['value']
            return 'NULL::' + kind if value is None else "'%s'::%s" % (value.replace("'", "''"), kind)
        parts = self.parts.get((kind,), [])
        if not parts:
            return 'NULL::' + kind
        if parts[0]['kind'] == 'array':
            return 'ARRAY[%s]::%s' % (','.join(self.argument(param[:-1] if param.endswith('s') else param, parts[0]['part'], arm, i, depth + 1) for i in (n, n + 1)), kind)
        if parts[0]['kind'] == 'row':
            return 'ROW(%s)::%s' % (','.join(self.argument(p['param'], p['part'], arm, n, depth + 1) for p in parts), kind)
        if parts[0]['kind'] == 'domain':
            return '%s::%s' % (self.argument(param, parts[0]['part'], arm, n, depth + 1), kind)
        return "'%s'::%s" % (parts[n % len(parts)]['param'], kind)

    def call(self, routine, arm_of, n, short=False):
        """The call in which arm_of(name) says where each argument is from; a short one leaves out what has a default."""
        given = []
        for p in self.parameters.get((routine['oid'],), []):
            arm, explicit = arm_of(p['param'])
            if p['required'] or explicit or not short:
                number = n(p) if callable(n) else n
                given.append(('VARIADIC ' if p['variadic'] else '') + ('"%s" => ' % p['param'] if p['named'] else '') + self.argument(p['param'], p['type'], arm, number))
        text = '%s(%s)' % (routine['name'], ', '.join(given))
        return 'CALL ' + text if routine['prokind'] == 'p' else "SELECT string_agg(x::text, E'\\n') FROM %s AS x" % text

    def many(self, parameter, most):
        """How many values the dictionary has for the name of the parameter."""
        name = parameter['param']
        sizes = [len(self.values.get((n, t, 'mine'), [])) for n in (name, name[:-1]) for t in (parameter['type'], parameter['type'][:-2])]
        return min(most, max(sizes + [1]))

    def of(self, routine, most):
        parameters = self.parameters.get((routine['oid'],), [])
        if not routine['granted']:
            yield 'own', None, 0, False, self.call(routine, lambda name: ('mine', False), 0)
            return
        count = max([self.many(p, most) for p in parameters] + [1])
        forms = (False, True) if any(not p['required'] for p in parameters) else (False,)
        for n in range(count):
            for short in forms:
                yield 'own', None, n, short, self.call(routine, lambda name: ('mine', False), n, short)
                # what is opened or asked for anew beside what is there
                if any(self.has_fresh(p['param']) for p in parameters):
                    yield 'own', None, n, short, self.call(routine, lambda name: ('fresh' if self.has_fresh(name) else 'mine', False), n, short)
                # the own tenant's value may need to be just the one; of the other's a few will do
                if n % self.stride:
                    continue
                for kind in ('foreign', 'none'):
                    yield kind, None, n, short, self.call(routine, lambda name: (ARMS[kind], False), n, short)
                for odd in parameters:
                    if self.argument(odd['param'], odd['type'], 'mine', n) == self.argument(odd['param'], odd['type'], 'other', n):
                        continue
                    for kind in ('foreign', 'none'):
                        yield 'one ' + kind, odd['param'], n, short, self.call(routine, lambda name: (ARMS[kind], True) if name == odd['param'] else ('mine', False), n, short)
        yield 'null', None, 0, False, self.call(routine, lambda name: ('null', False), 0)
        for odd in parameters:
            yield 'one null', odd['param'], 0, False, self.call(routine, lambda name: ('null', True) if name == odd['param'] else ('mine', False), 0)

    def at_random(self, routine, most, draw):
        for n in range(most):
            yield 'random', None, n, False, self.call(routine, lambda name: (draw.choice(('mine', 'mine', 'mine', 'other', 'none', 'null')), draw.random() < 0.5),
                                               lambda p: draw.randrange(1000), draw.random() < 0.5)


def main():
    most = int(sys.argv[1])
    calls = Calls()
    out = csv.writer(sys.stdout)
    draw = random.Random(int(sys.argv[2])) if len(sys.argv) > 2 else None
    for routine in calls.routines:
        seen = set()
        for kind, odd, n, short, text in calls.at_random(routine, most, draw) if draw else calls.of(routine, 2 if routine['pure'] else most):
            # the same call is made once, but once more to stand beside another's in a comparison
            if (text, kind.startswith('one')) not in seen:
                seen.add((text, kind.startswith('one')))
                out.writerow([routine['oid'], kind, odd, n, short, text])


if __name__ == '__main__':
    main()
