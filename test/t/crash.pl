# The server is killed in the middle of heavy posting.  After each restart
# every acknowledged journal is there, none is there in part, verify() is
# clean, and submitting everything again changes nothing.
#
# Beside the journals customers pay in, buy, sell and are called upon for cash;
# nothing of it is lost, and every check agrees.
#
# pgbench's own log is the client's memory: a line per answered transaction.
# Rounds: CRASH_ROUNDS (10 unless said).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $rounds = $ENV{CRASH_ROUNDS} || 10;
my $clients = 12;
my $batch = 5;
my $node = ledger_node('crash', conf => "fsync = on\nsynchronous_commit = on\ncheckpoint_timeout = 30s\nmax_wal_size = 64MB\nmax_prepared_transactions = 4\n");
make_world($node, 'CRSH', 40, '1000000.00');
make_cash($node, 'CRSH');

in_ledger($node, <<'SQL');
-- request k of transaction i of a client: all that it does follows from its reference
CREATE FUNCTION public.numbered(round int, session int, i int, k int) RETURNS journal_request LANGUAGE sql STABLE AS $$
	SELECT ROW('CRSH', journal_entry(line('Dr', a.account, cents), line('Cr', b.account, cents), line('Dr', h.account, cents), line('Cr', o.account, cents)), format('%s/%s/%s/%s', round, session, i, k), 'transfer', NULL, NULL, false)::journal_request
	FROM (SELECT (((i * 7 + k) % 100 + 1)::text || '.37 USD')::amount AS cents) AS c, public.claim a, public.claim b, public.house h, public.house o
	WHERE a.n = 1 + (i * 13 + k * 5 + session) % 40 AND b.n = 1 + (i * 17 + k * 3 + session * 11) % 40
		AND h.name = 'Bank:operating' AND o.name = 'Equity'
$$;
CREATE FUNCTION public.pay_in(round int, session int, i int) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT (receive_wire('CRSH', '70.00 USD', format('wire %s/%s/%s', round, session, i), 'CRSH009' || 1 + session)).status
$$;
CREATE FUNCTION public.trade(round int, session int, i int) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT (post_trade(reference => format('trade %s/%s/%s', round, session, i), customer => 'CRSH009' || 1 + session, side => CASE i % 3 WHEN 2 THEN 'SELL' ELSE 'BUY' END, quantity => '0.001 BTC', provider => 'LPCRSH', provider_price => '60000.00 USD/BTC')).outcome
$$;
CREATE FUNCTION public.transaction(round int, session int, i int) RETURNS SETOF journal_result LANGUAGE sql VOLATILE AS $$
	SELECT load_journals(ARRAY(SELECT public.numbered(round, session, i, k) FROM generate_series(1, 5) AS k))
$$;
SQL

# kill -9 of the postmaster and everything below it, or of one backend only
sub kill_server
{
	my ($round) = @_;
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my @child = children_of($postmaster);

	if ($round % 3 == 2)
	{
		my $victim = in_ledger($node, "SELECT pid FROM pg_stat_activity WHERE query LIKE '%public.transaction($round,%' AND pid <> pg_backend_pid() LIMIT 1");
		kill 'KILL', $victim;
		return 'one backend';
	}
	if ($round % 3 == 1)
	{
		$node->stop('immediate');
		return 'all by SIGQUIT';
	}
	$node->kill9;
	kill 'KILL', @child;
	sleep 0.1 while grep { (stat_state($_) // 'Z') ne 'Z' } $postmaster, @child;
	# where nobody waits for orphans the dead postmaster still has its number
	unlink $node->data_dir . '/postmaster.pid', glob($node->host . '/.s.PGSQL.*');
	return 'all by SIGKILL';
}

sub stat_state
{
	open(my $stat, '<', "/proc/$_[0]/stat") or return undef;
	return (<$stat> // '') =~ /\) (\S)/ ? $1 : undef;
}

# Answered transactions of each session, from pgbench's log.
sub acknowledged
{
	my ($prefix) = @_;
	my %count;
	foreach my $file (glob "$prefix.*")
	{
		foreach my $line (split /\n/, slurp_file($file))
		{
			$count{$1}++ if $line =~ /^(\d+) \d+ \d+ /;
		}
	}
	return \%count;
}

# What customers were told has happened, and has not.
sub lost_cash
{
	my ($round, $count) = @_;
	my $values = join(', ', map { "($_, " . ($count->{$_} // 0) . ')' } 0 .. 3);
	return <<"SQL";
SELECT session, i FROM (VALUES $values) AS a (session, n), generate_series(1, n) AS i
WHERE NOT EXISTS (SELECT FROM funding_transfer WHERE reference = format('wire $round/%s/%s', session, i))
	OR NOT EXISTS (SELECT FROM journal JOIN cash_call USING (client_id, journal_id) WHERE reference = format('trade $round/%s/%s', session, i))
UNION ALL
SELECT 0, journal_id FROM journal WHERE reference LIKE 'trade $round/%' AND NOT EXISTS (SELECT FROM cash_call WHERE cash_call.journal_id = journal.journal_id)
SQL
}

# Two prepared transactions outlive all the crashes; blocks sealed meanwhile do
# not have them, the block after their commit does.
# (House accounts only: a claim would stay locked.)
foreach my $each ([ '900/0/1/1', 'kept' ], [ '901/0/1/1', 'given up' ])
{
	in_ledger($node, "BEGIN; SELECT load_journal('CRSH', journal_entry(line('Dr', h.account, '1.00 USD'), line('Cr', o.account, '1.00 USD')), '$each->[0]') FROM public.house h, public.house o WHERE h.name = 'Bank:operating' AND o.name = 'Equity'; PREPARE TRANSACTION '$each->[1]'");
}

my $memory = PostgreSQL::Test::Utils::tempdir;
my $total = 0;

foreach my $round (0 .. $rounds - 1)
{
	my $prefix = "$memory/round$round";
	my $run = bench_start($node, <<"SQL", '-c', $clients, '-j', 2, '-T', 60, '-D', 'i=0', '-l', "--log-prefix=$prefix");
\\set i :i + 1
SELECT outcome FROM public.transaction($round, :client_id, :i);
SQL
	my $cash = bench_start($node, <<"SQL", '-c', 4, '-j', 1, '-T', 60, '--max-tries=20', '-D', 'i=0', '-l', "--log-prefix=$prefix-cash");
\\set i :i + 1
SELECT public.pay_in($round, :client_id, :i);
SELECT public.trade($round, :client_id, :i);
SELECT count(*) FROM process_cash_calls(client => 'CRSH');
SQL
	$node->poll_query_until($LedgerTest::database, "SELECT count(*) > 200 AND (SELECT count(*) > 20 FROM funding_transfer WHERE reference LIKE 'wire $round/%') FROM journal WHERE reference LIKE '$round/%'")
		or die 'nothing was posted';
	in_ledger($node, 'SELECT seal()') if $round % 2 == 0;
	sleep 0.2 + rand(0.6);
	my $how = kill_server($round);
	$_->{harness}->finish foreach $run, $cash;

	$node->start if $round % 3 != 2;
	$node->poll_query_until($LedgerTest::database, 'SELECT true') or die 'the server did not come back';

	my $count = acknowledged($prefix);
	my $answered = 0;
	$answered += $_ foreach values %$count;
	$total += $answered;
	my $values = join(', ', map { "($_, " . ($count->{$_} // 0) . ')' } 0 .. $clients - 1);

	is(in_ledger($node, <<"SQL"), 0, "round $round ($how): each of $answered acknowledged transactions is there");
SELECT count(*) FROM (VALUES $values) AS a (session, n), generate_series(1, n) AS i, generate_series(1, $batch) AS k
WHERE NOT EXISTS (SELECT FROM journal WHERE reference = format('$round/%s/%s/%s', session, i, k))
SQL
	is(in_ledger($node, <<"SQL"), '', "round $round: no transaction is there in part, and none that nobody sent");
SELECT split_part(reference, '/', 2), split_part(reference, '/', 3), count(*) FROM journal, (VALUES $values) AS a (session, n)
WHERE reference LIKE '$round/%' AND split_part(reference, '/', 2) = session::text
GROUP BY 1, 2, n HAVING count(*) <> $batch OR split_part(reference, '/', 3)::int > n + 1
SQL
	is(in_ledger($node, <<"SQL"), '', "round $round: each journal holds the entry that was sent");
SELECT j.reference FROM journal j, LATERAL (SELECT string_to_array(j.reference, '/')::int[] AS part) AS p
WHERE j.reference LIKE '$round/%' AND j.entry::text IS DISTINCT FROM ((public.numbered(part[1], part[2], part[3], part[4])).entry)::text
SQL
	checks_clean($node, "round $round");
	is(in_ledger($node, lost_cash($round, acknowledged("$prefix-cash"))), '',
		"round $round: every deposit and execution that was acknowledged is there, and every execution's cash call (TPJ)");

	# the clients, not knowing what became of it, send their last ten again
	is(in_ledger($node, <<"SQL"), '', "round $round: acknowledged transactions sent again are replayed, none is refused");
SELECT session, i, r.outcome, r.replayed FROM (VALUES $values) AS a (session, n), generate_series(greatest(1, n - 10), n + 1) AS i, LATERAL public.transaction($round, session, i) AS r
WHERE r.outcome <> 'posted' OR (i <= n AND NOT r.replayed)
SQL
	is(in_ledger($node, "SELECT count(*) FROM journal WHERE reference LIKE '$round/%'"),
		in_ledger($node, "SELECT sum(greatest(n + 1, 1)) * $batch FROM (VALUES $values) AS a (session, n)"),
		"round $round: each journal is there once after it was sent again");
}
is(in_ledger($node, "SELECT count(*) FROM journal WHERE reference ~ '^90[01]/'"), 0,
	'journals of prepared transactions are not there before they are committed');
in_ledger($node, 'SELECT seal()');
verify_clean($node, 'before prepared transactions end');
in_ledger($node, "COMMIT PREPARED 'kept'");
in_ledger($node, "ROLLBACK PREPARED 'given up'");
is(in_ledger($node, "SELECT string_agg(reference, ' ' ORDER BY reference) FROM journal WHERE reference ~ '^90[01]/'"), '900/0/1/1',
	'the journal of a committed prepared transaction is there, that of one rolled back is not');
verify_clean($node, 'after prepared transactions have ended');
in_ledger($node, 'SELECT seal()');
verify_clean($node, 'after the committed prepared transaction is sealed');

cmp_ok($total, '>', $rounds * 20, "more than 20 transactions a round are acknowledged: $total");
is(in_ledger($node, 'SELECT fund, asset(amount), sum(amount) FROM posting GROUP BY 1, 2 HAVING sum(value(amount)) <> 0'), '', 'every fund and asset sums to zero');
in_ledger($node, 'SELECT count(*) FROM process_cash_calls()');
is(in_ledger($node, "SELECT count(*) FROM cash_call WHERE status = 'O' AND NOT apex AND due_at <= now()"), 0,
	'every cash call that is due is attempted');
cmp_ok(in_ledger($node, "SELECT count(*) FROM cash_call WHERE status = 'S'"), '>', $rounds * 10,
	'more than ten cash calls a round are settled');
in_ledger($node, 'SELECT seal()');
checks_clean($node, 'after the last seal');
$node->stop;
done_testing();
