# Cash calls by the ten thousand: a worker is ended and one is killed in the
# middle of its run, two work at once, and the server stops under one.  No call
# is done twice, none is lost.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use LedgerTest;
use Test::More;

my $customers = 2000;
my $calls = 30000;		# the clients share them
my $node = ledger_node('cash_calls', conf => "fsync = on\nlog_min_messages = warning\n");

in_ledger($node, <<"SQL");
SELECT open_provider('LP1', 'Provider');
SELECT open_client('RUNA', at => '2026-01-01Z'), open_client('RUNB', at => '2026-01-01Z');
SELECT (open_account('RUNB', 'FBO', 'DueTo:CORP', 'USD')).account;
SELECT open_customers(c, ARRAY(SELECT right(c, 1) || 1000000 + n FROM generate_series(1, $customers / 2) AS n)) FROM unnest(ARRAY['RUNA', 'RUNB']) AS c;
-- every tenth has no cash; all have coin to sell
SELECT count(*) FROM unnest(ARRAY['RUNA', 'RUNB']) AS c, LATERAL load_journals(ARRAY(
	SELECT (c, journal_entry(line('Dr', (open_account(c, a.fund, a.control, a.held::asset)).account, a.amount),
		line('Cr', (open_account(c, a.fund, format(a.claim, right(c, 1) || 1000000 + n), a.held::asset)).account, a.amount)), a.fund || n, 'opening', NULL, NULL, false)::journal_request
	FROM generate_series(1, $customers / 2) AS n, (VALUES ('CUST', 'Wallet:omnibus', 'Cust:%s', 'BTC', '10 BTC'::amount), ('FBO', 'Bank:omnibus', 'Cust:%s:settled', 'USD', '90000 USD')) AS a (fund, control, claim, held, amount)
	WHERE a.held = 'BTC' OR n % 10 > 0));
SELECT count(*) FILTER (WHERE outcome = 'posted') FROM generate_series(0, $calls / 1000 - 1) AS b, LATERAL post_trades(ARRAY(
	SELECT (CASE b % 2 WHEN 0 THEN 'A' ELSE 'B' END || 1000001 + (b * 1000 + i) * 7919 % ($customers / 2), CASE WHEN b % 6 > 3 THEN 'SELL' ELSE 'BUY' END, '0.01 BTC', 'LP1', b || '/' || i, '60000 USD/BTC', NULL, 50, NULL, NULL, NULL, NULL, NULL, '2026-03-02 15:00Z'::timestamptz + (b * 1000 + i) * interval '1 millisecond', NULL, false, false)::trade_request FROM generate_series(0, 999) AS i)) AS t;
SQL
is(in_ledger($node, "SELECT count(*) FROM cash_call WHERE status = 'O'"), $calls, 'every execution has its cash call (TPJ)');

# a statement in another process
sub start_session
{
	my ($statement, $err) = @_;
	return IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr($LedgerTest::database), '-c', $statement ], '>', \my $out, '2>', $err);
}

# The company's money at RUNB in somebody's hands: a run has done RUNA, and waits, for it was told to.
sub hold_second_client
{
	my $holder = start_session(q{BEGIN; SELECT adjust_held(b.client_id, b.account, '0 USD') FROM balance b WHERE b.account = account_of('RUNB', 'FBO', 'DueTo:CORP', 'USD'); SELECT pg_sleep(600)}, \my $err);

	$node->poll_query_until($LedgerTest::database, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'}) or die 'nobody holds it';
	return $holder;
}

sub start_run
{
	my ($at, $err) = @_;
	my $before = in_ledger($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'});
	my $run = start_session("SET bakkt_ledger.lock_wait = '10min'; SELECT sum(attempted) FROM process_cash_calls('$at', 'RUNA'); SELECT sum(attempted) FROM process_cash_calls('$at', 'RUNB')", $err);

	$node->poll_query_until($LedgerTest::database, "SELECT count(*) > $before FROM pg_stat_activity WHERE wait_event_type = 'Lock'") or die 'the run does not wait';
	return $run;
}

sub finish
{
	eval { $_->finish } foreach @_;
	$node->poll_query_until($LedgerTest::database, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE (query LIKE '%process_cash_calls%' OR wait_event = 'PgSleep') AND pid <> pg_backend_pid()}) or die 'they live on';
	return;
}

my $at = '2026-03-02 16:00Z';
my $err = '';
my $holder = hold_second_client();
my $run = start_run($at, \$err);
in_ledger($node, q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE (query LIKE '%process_cash_calls%' OR wait_event = 'PgSleep') AND pid <> pg_backend_pid()});
finish($run, $holder);
isnt($err, '', 'a worker that is ended in the middle of its run reports an error');
is(in_ledger($node, "SELECT count(*) FROM event WHERE subject = 'cash_call'"), 0, 'a worker that was ended leaves no event of a cash call');

$err = '';
$holder = hold_second_client();
$run = start_run($at, \$err);
kill 'KILL', in_ledger($node, q{SELECT pid FROM pg_stat_activity WHERE query LIKE '%process_cash_calls%' AND wait_event_type = 'Lock'});
eval { $_->finish } foreach $run, $holder;
$node->poll_query_until($LedgerTest::database, 'SELECT true') or die 'the server did not come back';
isnt($err, '', 'a worker that is killed in the middle of its run reports an error');
is(in_ledger($node, "SELECT count(*) FROM event WHERE subject = 'cash_call' UNION ALL SELECT count(*) FROM journal WHERE reference LIKE 'cash-call:%' UNION ALL SELECT count(*) FROM cash_call WHERE status <> 'O'"),
	"0\n0\n0", 'a worker that was killed leaves no event, journal or changed cash call');
checks_clean($node, 'after a worker was killed');

# two workers at once, again and again until nothing is due
my $bench = bench($node, "SELECT count(*) FROM process_cash_calls('$at');\n", {}, '-c', 2, '-j', 2, '-t', 4, '--max-tries=10');
ok($bench->{ok} && $bench->{failed} == 0, 'two workers run at once without a failure');
is(in_ledger($node, "SELECT count(*) FROM cash_call WHERE status = 'O' AND due_at <= '$at'"), 0,
	'two workers leave no cash call that is due');
is(in_ledger($node, "SELECT count(*), count(DISTINCT (client_id, subject_key)) FROM event WHERE subject = 'cash_call'"), "$calls|$calls",
	'every cash call is attempted exactly once');
is(in_ledger($node, "SELECT count(*) - (SELECT count(*) FROM journal WHERE reference LIKE 'cash-call:%') FROM event WHERE subject = 'cash_call' AND event = 'settled'"), 0,
	'settled cash calls and their journals are equal in number');
cmp_ok(in_ledger($node, "SELECT count(*) FROM event WHERE subject = 'cash_call' AND event = 'settled'"), '>', $calls / 2,
	'more than half of the cash calls are settled');
cmp_ok(in_ledger($node, "SELECT count(*) FROM event WHERE subject = 'cash_call' AND reason = 'INSUFFICIENT_FUNDS'"), '>', $calls / 40,
	'some cash calls fail for want of funds');
is(in_ledger($node, "SELECT count(*) FROM unnest(ARRAY['RUNA', 'RUNB']) AS c, LATERAL cash_calls(c) WHERE net_money <> settled + outstanding + written_off - recovered + busted"), 0,
	'the net money of every cash call is conserved (I13)');
checks_clean($node, 'after two workers have run');

# the retry, while the server is stopped under it
$at = '2026-03-02 23:00Z';
my $failed = in_ledger($node, "SELECT count(*) FROM cash_call WHERE status = 'O'");
in_ledger($node, <<'SQL');
SELECT count(*) FROM unnest(ARRAY['RUNA', 'RUNB']) AS c, LATERAL load_journals(ARRAY(
	SELECT (c, journal_entry(line('Dr', account_of(c, 'FBO', 'Bank:omnibus', 'USD'), '90000 USD'),
		line('Cr', (open_account(c, 'FBO', 'Cust:' || right(c, 1) || 1000000 + n || ':settled', 'USD')).account, '90000 USD')), 'late' || n, 'opening', NULL, NULL, false)::journal_request
	FROM generate_series(1, 1000) AS n WHERE n % 10 = 0));
SQL
$holder = hold_second_client();
$run = start_run($at, \$err);
is(in_ledger($node, "SELECT count(*) FROM process_cash_calls('$at')"), 0,
	'a second run leaves the cash calls of the first alone');
$node->stop('immediate');
eval { $_->finish } foreach $run, $holder;
$node->start;
is(in_ledger($node, "SELECT count(*) FROM cash_call WHERE status = 'O'"), $failed,
	'a run leaves nothing behind when the server stops under it');
in_ledger($node, "SELECT count(*) FROM process_cash_calls('$at')");
is(in_ledger($node, "SELECT count(*) FROM cash_call WHERE status <> 'S'"), 0, 'every cash call is settled once there is cash');
is(in_ledger($node, "SELECT count(*) FROM event WHERE subject = 'cash_call' AND event = 'settled'"), $calls,
	'every cash call is settled exactly once');
checks_clean($node, 'after the retry');

done_testing();
