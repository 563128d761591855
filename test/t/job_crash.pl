# The jobs of a hundred days, whose runner is killed in the middle, twice, and
# then run by six sessions at once: everything is done, and nothing twice.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use LedgerTest;
use Test::More;

my $node = ledger_node('job_crash', conf => "fsync = on\n");
in_ledger($node, <<'SQL');
-- a job at times of day, that the others stop at
UPDATE job SET times = '{06:00,17:00}', every = NULL WHERE job = 'expire_holds';
SELECT open_client('NETA', funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z');
SELECT open_customer(client => 'NETA', customer => 'NETA0001');
SELECT open_provider('lp1', 'First Provider');
SELECT post_trade('NETA0001', 'BUY', '0.01 BTC', 'lp1', 't' || n, provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => timestamptz '2026-01-10 16:00Z' + n * interval '8 hours')
FROM generate_series(0, 299) AS n;
SELECT authorize_hold('NETA', account_of('NETA', 'CUST', 'Cust:NETA0001', 'BTC'), '0.001 BTC', 'h' || n, expires_at => timestamptz '2026-01-11Z' + n * interval '1 day', at => '2026-01-10 23:00Z')
FROM generate_series(0, 99) AS n;
SELECT run_due_jobs('2026-01-10 12:00Z');
SQL
my $end = '2026-04-20 12:00Z';
my $before = state_of($node);
my $plan = in_ledger($node, "SELECT job, occurrence, covers FROM due_jobs('$end') ORDER BY 2, 1");
cmp_ok(scalar(split /\n/, $plan), '>', 100, 'more than 100 runs of jobs are due');

# what the jobs leave behind
sub state_of
{
	my ($server) = @_;
	return in_ledger($server, q{SELECT (SELECT count(*) FROM job_run), (SELECT count(*) FROM settlement_window), (SELECT count(*) FROM hold WHERE upper(status) = 'OPEN'),
		(SELECT count(*) FROM journal), (SELECT count(*) FROM block)});
}

# run in another process until it has posted some journals (their numbers are not given back)
sub start_in_the_middle
{
	my ($err) = @_;
	my $number = in_ledger($node, 'SELECT last_value FROM record_number');
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr($LedgerTest::database), '-c', "SELECT count(*) FROM run_due_jobs('$end')" ], '>', \my $out, '2>', $err);

	$node->poll_query_until($LedgerTest::database, "SELECT last_value > $number + 20 FROM record_number") or die 'the jobs did not start';
	return $run;
}

my $err = '';
my $run = start_in_the_middle(\$err);
is(in_ledger($node, "SELECT count(*) FROM run_due_jobs('$end')"), 0, 'a second runner does nothing while the first one runs');
$node->stop('immediate');
$run->finish;
$node->start;
isnt($err, '', 'a runner reports an error when the server stops under it');
is(state_of($node), $before, 'a server crash leaves no run half done');
is(in_ledger($node, "SELECT job, occurrence, covers FROM due_jobs('$end') ORDER BY 2, 1"), $plan,
	'every run is due again after a server crash');

$err = '';
$run = start_in_the_middle(\$err);
in_ledger($node, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%run_due_jobs%' AND pid <> pg_backend_pid()");
$run->finish;
isnt($err, '', 'a runner whose session is ended reports an error');
$node->poll_query_until($LedgerTest::database, "SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE '%run_due_jobs%' AND pid <> pg_backend_pid()");
is(state_of($node), $before, 'a runner whose session is ended leaves no run half done');

# six sessions, each time some of it
my $bench = bench($node, "SELECT count(*) FROM run_due_jobs('$end', 100);\n", {}, '-c', 6, '-j', 2, '-t', 15);
ok($bench->{ok} && $bench->{failed} == 0, 'six runners run at once without a failure');
in_ledger($node, "SELECT run_due_jobs('$end')");
is(in_ledger($node, "SELECT job, occurrence, covers FROM job_run WHERE occurrence > '2026-01-10 12:00Z' ORDER BY 2, 1"), $plan,
	'six runners do every due run exactly once');
is(in_ledger($node, "SELECT count(*), count(DISTINCT closes_on), min(closes_on), max(closes_on) FROM settlement_window"), '99|99|2026-01-11|2026-04-19',
	'each window is closed exactly once');
is(in_ledger($node, "SELECT count(*) FROM hold WHERE upper(status) = 'OPEN'"), 0, 'no hold stays open past its expiry');
is(in_ledger($node, "SELECT count(*) FROM event WHERE subject = 'hold' AND event = 'expired'"), 100, 'each hold is expired exactly once');
is(in_ledger($node, "SELECT job FROM job_run WHERE status <> 'DONE' OR started_at > ended_at"), '',
	'every run is recorded as done and ends no earlier than it starts');
is(in_ledger($node, 'SELECT * FROM check_settlement()'), '', 'check_settlement() finds nothing after all runs');
verify_clean($node, 'after all runs');

# a runner that takes long says how far it is
in_ledger($node, <<'SQL');
CREATE FUNCTION bakkt_ledger_internal.slow_part(client_id integer, at timestamptz, variant text) RETURNS jsonb LANGUAGE sql AS $$ SELECT '[]'::jsonb FROM pg_sleep(2.5) $$;
INSERT INTO client_run VALUES ('slow', 'slow_part', NULL);
UPDATE job SET run = 'slow' WHERE job = 'top_up_deficits';
SQL
$node->psql($LedgerTest::database, "SELECT count(*) FROM run_due_jobs('2026-04-21 12:00Z')", stderr => \my $told);
like($told, qr/NOTICE:.* jobs: \d+ runs, caught up to 2026-04-2\d \d\d:\d\d UTC/, 'a long run reports how far it has caught up');

$node->stop;
done_testing();
