# One client's session holds all it can hold and does nothing more: every job ends at once, does the other client's part,
# says whom it left out, and makes up for it once the session has ended.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = ledger_node('job_isolation');
my @twin = ('AAAA', 'BBBB');
# two seconds, on a machine that has nothing else to do
my ($load) = split / /, slurp_file('/proc/loadavg');
my $limit = 2 * ($load > 2 ? $load / 2 : 1);
my $at = '2026-04-02 02:00Z';		# nine in the evening, Central: a day's jobs
my @job = split /\n/, in_ledger($node, q{SELECT format('SELECT count(*) FROM %s', call) FROM (VALUES
	(1, 'expire_holds(''2026-04-01 22:00Z'')'), (2, 'settle_deposits(''2026-04-01 22:00Z'')'), (3, 'process_cash_calls(''2026-04-01 22:00Z'')'),
	(4, 'propose_cash_call_write_offs(''2026-04-01 22:00Z'')'), (5, 'charge_cash_call_write_offs(''2026-04-01 22:00Z'')'),
	(6, 'instruct_settlement_transfers(''2026-04-01 22:00Z'')'), (7, 'top_up_deficits(''2026-04-01 22:00Z'')'), (8, 'close_due_windows(''2026-04-01 22:00Z'')'),
	(9, 'take_aged_tpj(''AM'', ''2026-04-01 22:00Z'')'), (10, 'seal()')) AS j (n, call) ORDER BY n});

# two clients with the same work for every job
foreach my $client (@twin)
{
	make_world($node, $client, 3, 100);
	make_cash($node, $client);
	in_ledger($node, <<"SQL");
SELECT open_customer(client => '$client', customer => '$client' || n, funding_model => 'BAKKT_TPJ') FROM unnest('{0081,0082}'::text[]) AS n;
SELECT initiate_deposit('${client}0081', '500.00 USD', 'd1', at => '2026-03-27 15:00Z'), credit_deposit('$client', 'd1', at => '2026-03-27 15:00Z'),
	receive_wire('$client', '20.00 USD', 'w1', '${client}0092', at => '2026-03-27 15:00Z');
SELECT authorize_hold('$client', account_of('$client', 'CUST', 'Cust:${client}0092', 'BTC'), '0.001 BTC', 'h1', expires_at => '2026-04-01 10:00Z', at => '2026-03-31 10:00Z');
SELECT post_trade('${client}0082', 'BUY', '0.001 BTC', 'LP$client', 'old', provider_price => '60000.00 USD/BTC', executed_at => '2026-02-20 15:00Z'),
	post_trade('${client}0081', 'BUY', '0.001 BTC', 'LP$client', 'new', provider_price => '60000.00 USD/BTC', executed_at => '2026-03-31 15:00Z');
SET SESSION AUTHORIZATION approver_of_${client}_clerk;
SELECT propose_cash_call_write_off('$client', call, '2026-03-06 15:00Z') FROM cash_calls('$client') WHERE reference = 'unpaid';
SET SESSION AUTHORIZATION approver_of_$client;
SELECT approve_cash_call_write_off('$client', call, '2026-03-06 16:00Z') FROM cash_write_offs('$client') WHERE status = 'PROPOSED' AND customer = '${client}0093';
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM close_due_windows('2026-03-30 23:00Z', '$client', most => 100);
SQL
}
in_ledger($node, 'VACUUM ANALYZE');

# what there is of a client, to compare twins
sub account_of_twin
{
	my ($client) = @_;
	my $told = in_ledger($node, <<"SQL");
WITH c AS (SELECT client_id FROM client WHERE code = '$client')
SELECT 'journal', kind::text, count(*) FROM journal JOIN c USING (client_id) GROUP BY 1, 2
UNION ALL SELECT 'window', status, count(*) FROM settlement_window JOIN c USING (client_id) GROUP BY 1, 2
UNION ALL SELECT 'hold', status, count(*) FROM hold JOIN c USING (client_id) GROUP BY 1, 2
UNION ALL SELECT 'funding', status, count(*) FROM funding_transfer JOIN c USING (client_id) GROUP BY 1, 2
UNION ALL SELECT 'call', status::text, count(*) FROM cash_call JOIN c USING (client_id) GROUP BY 1, 2
UNION ALL SELECT 'write-off', w.status, count(*) FROM c, LATERAL write_offs_of(c.client_id) AS w GROUP BY 1, 2
UNION ALL SELECT 'transfer', status || purpose, count(*) FROM fbo_transfer JOIN c USING (client_id) GROUP BY 1, 2
UNION ALL SELECT 'list', kind, count(*) FROM aged_tpj_snapshot JOIN c USING (client_id) GROUP BY 1, 2
ORDER BY 1, 2
SQL
	return $told;
}
is(account_of_twin('AAAA'), account_of_twin('BBBB'), 'two clients with the same work are alike at the start');

# A posts, trades, asks for its money, places a hold, and has every row of its own that a session can lock
my $idle = $node->background_psql($LedgerTest::database, on_error_stop => 1);
$idle->query_safe('SET search_path = bakkt_ledger_internal, bakkt_ledger, public');
$idle->query_safe('BEGIN');
$idle->query_safe($_) foreach (
	q{SELECT post_trade('AAAA0081', 'BUY', '0.001 BTC', 'LPAAAA', 'idle', provider_price => '60000.00 USD/BTC', executed_at => '2026-03-31 16:00Z')},
	q{SELECT request_withdrawal('AAAA0092', '10.00 USD', 'idle', at => '2026-03-31 16:00Z')},
	q{SELECT authorize_hold('AAAA', account_of('AAAA', 'CUST', 'Cust:AAAA0092', 'BTC'), '0.001 BTC', 'idle')},
	q{SELECT bust_trade('AAAA0081', 'new', 'idle bust')},
	q{SELECT freeze_account(account_of('AAAA', 'CORP', 'Equity', 'USD'), 'credit', reason => 'idle')},
	q{SELECT lock_settlement(require_client('AAAA')), lock_revenue_share(require_client('AAAA'))},
	map { "SELECT FROM $_ WHERE client_id = require_client('AAAA') FOR UPDATE" } qw(client customer account balance hold funding_transfer fbo_transfer cash_call cash_write_off approval settlement_agreement));

# each run called by hand, and taken back
foreach my $call (@job)
{
	my ($told, $started) = ('', time);

	is($node->psql($LedgerTest::database, "SET client_min_messages = error; BEGIN; $call; ROLLBACK", stderr => \$told), 0,
		"$call succeeds while a session holds all locks of a client");
	cmp_ok(time - $started, '<', $limit, "$call ends at once while a session holds all locks of a client");
}
foreach my $run ('expire_holds', 'settle_deposits', 'process_cash_calls')
{
	$node->psql($LedgerTest::database, "BEGIN; SELECT count(*) FROM $run('2026-04-01 22:00Z'); ROLLBACK", stderr => \my $told);
	like($told, qr/NOTICE:.*$run: \d+ of client "AAAA" left to the next run/, "$run says what it left to the next run");
	unlike($told, qr/BBBB/, "$run leaves nothing of another client to the next run");
}
foreach my $run ('charge_cash_call_write_offs', 'instruct_settlement_transfers', 'close_due_windows')
{
	$node->psql($LedgerTest::database, "BEGIN; SELECT count(*) FROM $run('2026-04-01 22:00Z'); ROLLBACK", stderr => \my $told);
	like($told, qr/WARNING:.*$run: client "AAAA" is left out \(55P03\)/, "$run says which client it left out");
	unlike($told, qr/BBBB/, "$run leaves no other client out");
	is(sqlstate_of($node, "SET lock_timeout = '100ms'; SELECT count(*) FROM $run('2026-04-01 22:00Z', client => 'AAAA')"), '55P03',
		"$run called for the locked client is an error");
}

is(sqlstate_of($node, "SET statement_timeout = '50ms'; SELECT count(*) FROM close_due_windows('2026-04-01 22:00Z')"), '57014',
	'a canceled statement is no failure of a client');

# the scheduler: a day of all jobs
my $started = time;
in_ledger($node, "SELECT count(*) FROM run_due_jobs('$at')");
my $took = time - $started;
cmp_ok($took, '<', $limit, 'all jobs of a day end at once while a client is locked');
is(in_ledger($node, q{SELECT job, sqlstate, message FROM job_run WHERE client IS NULL AND status <> 'DONE'}), '',
	'every job of a day is done while a client is locked');
is(in_ledger($node, q{SELECT DISTINCT client, sqlstate FROM job_run WHERE client IS NOT NULL}), 'AAAA|55P03',
	'only the parts of the locked client fail');
is(in_ledger($node, q{SELECT string_agg(DISTINCT job, ' ' ORDER BY job) FROM job_left_out WHERE job IN ('expire_holds', 'settle_deposits', 'charge_cash_call_write_offs', 'instruct_settlement_transfers', 'close_due_windows')}),
	'charge_cash_call_write_offs close_due_windows instruct_settlement_transfers', 'a client that was left out of a run is on record');
is(in_ledger($node, q{SELECT string_agg(DISTINCT job, ' ' ORDER BY job) FROM job_run WHERE result ~ 'in use by other sessions: \d+ of AAAA'}),
	'expire_holds process_cash_calls retry_cash_calls settle_deposits', 'what a run left to the next one is in its result');
is(in_ledger($node, q{SELECT upper(h.status), t.status, (SELECT count(*) FROM settlement_window w WHERE w.client_id = c.client_id AND w.closes_on > '2026-03-30'),
	(SELECT count(*) FROM cash_write_off w WHERE w.client_id = c.client_id AND w.charged_at IS NOT NULL) FROM client c JOIN hold h USING (client_id) JOIN funding_transfer t USING (client_id)
	WHERE c.code = 'BBBB' AND h.reference = 'h1' AND t.reference = 'd1'}), 'EXPIRED|SETTLED|2|2',
	q{the part of the other client is done});
in_ledger($node, "SELECT count(*) FROM run_due_jobs('$at')");
is(in_ledger($node, q{SELECT max(failures) FROM job_left_out}), 2, 'a client left out is tried again at the next call');

# when the session has gone the client gets what it missed, once
$idle->query_safe('ROLLBACK');
$idle->quit;
in_ledger($node, "SELECT count(*) FROM run_due_jobs('$at')");
is(in_ledger($node, 'SELECT * FROM job_left_out'), '', 'nobody is left out once the session has ended');
is(in_ledger($node, q{SELECT job, client, occurrence FROM job_run WHERE status <> 'FAILED' GROUP BY 1, 2, 3 HAVING count(*) > 1}), '',
	'no part of an occurrence is done twice');
is(in_ledger($node, "SELECT count(*) FROM run_due_jobs('$at')"), 0, 'a call after everything is made up for has nothing to run');

# a settler who has sealed and does nothing more stops sealing, and what needs it, but no job waits for him
my $settler = $node->background_psql($LedgerTest::database, on_error_stop => 1);
$settler->query_safe('BEGIN');
$settler->query_safe('SELECT bakkt_ledger.seal()');
$started = time;
in_ledger($node, "SELECT count(*) FROM run_due_jobs(timestamptz '$at' + interval '5 minutes')");
cmp_ok(time - $started, '<', $limit, 'while a settler who has sealed is idle all jobs end at once');
is(in_ledger($node, q{SELECT DISTINCT job, sqlstate FROM job_run WHERE client IS NULL AND status = 'FAILED'}), 'seal|55P03', 'sealing alone fails while a settler who has sealed is idle');
is(sqlstate_of($node, 'SELECT seal()'), '55P03', 'a second sealer is refused while the first is idle');
$settler->query_safe('ROLLBACK');
$settler->quit;
# customers that a session has locked are no failure of a run over calls: the next takes them
in_ledger($node, "SELECT count(*) FROM run_due_jobs(timestamptz '$at' + interval '10 minutes')");
is(account_of_twin('AAAA'), account_of_twin('BBBB'), 'two clients are alike again once one has made up for what it missed');
checks_clean($node, 'after all jobs');

$node->stop;
done_testing();
