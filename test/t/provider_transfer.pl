# One wire of a provider for fifty clients is in the books of all or of none: also when another session holds one of them, and when
# the server is killed in between.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use LedgerTest;
use Test::More;

my $clients = 50;
my $node = ledger_node('provider_transfer', "deadlock_timeout = '100ms'");

in_ledger($node, <<"SQL");
SELECT open_provider('LP1', 'Provider');
DO \$\$
DECLARE
	code	text;
BEGIN
	FOR n IN 1 .. $clients LOOP
		code := format('C%s', lpad(n::text, 3, '0'));
		PERFORM open_client(code, funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z'), open_customer(code, code || '0001', at => '2026-01-01Z');
		PERFORM post_trade(code || '0001', 'BUY', format('0.%s BTC', lpad(n::text, 3, '0'))::amount, 'LP1', 'trade', provider_price => '60000 USD/BTC', executed_at => '2026-02-02 16:00Z');
	END LOOP;
END
\$\$;
SELECT count(*) FROM close_due_windows('2026-02-03 16:00Z');
SELECT count(*) FROM client AS c, advise_window(c.code, '2026-02-03'), agree_window(c.code, '2026-02-03');
SQL
# 0.001 + 0.002 + ... + 0.050 BTC
my $owed = '1.275 BTC';
is(in_ledger($node, q{SELECT clients || ' ' || outstanding FROM provider_position('LP1') WHERE asset = 'BTC'}), "$clients $owed", 'fifty clients wait for coin of one provider');

sub booked { return in_ledger($node, q{SELECT count(*) || ' of ' || count(DISTINCT client_id) FROM journal WHERE reference LIKE 'provider-transfer:%'}) }

# a session that holds one client's settlement
my $psql = $node->background_psql($LedgerTest::database);
$psql->query_safe(q{BEGIN; SELECT bakkt_ledger_internal.lock_settlement(client_id) FROM bakkt_ledger_internal.client WHERE code = 'C040'});
my ($status, undef, $error) = $node->psql($LedgerTest::database, q{SELECT count(*) FROM bakkt_ledger.record_provider_transfer('LP1', 'received', '1.275 BTC', 't', 'chain')});
like($error, qr/lock timeout/, 'beside a session that holds one of the clients a transfer gives up');
is(booked(), '0 of 0', 'and is in nobody\'s books');
$psql->query_safe('ROLLBACK');
$psql->quit;

# killed before the commit
my ($out, $err) = ('', '');
my $hanging = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr($LedgerTest::database), '-c', q{BEGIN}, '-c', q{SELECT count(*) FROM bakkt_ledger.record_provider_transfer('LP1', 'received', '1.275 BTC', 't', 'chain')},
	'-c', q{SELECT 'not committed', pg_sleep(600)} ], '>', \$out, '2>', \$err);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%not committed%' AND wait_event = 'PgSleep'}) or die 'it never got there';
$node->stop('immediate');
eval { $hanging->finish };
$node->start;
is(booked(), '0 of 0', 'a transfer that was not committed when the server was killed is in nobody\'s books');

# killed while it works, at any moment
foreach my $round (1 .. 3)
{
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr($LedgerTest::database), '-c', "SELECT count(*) FROM bakkt_ledger.record_provider_transfer('LP1', 'received', '0.1 BTC', 'r$round', 'chain r$round')" ], '>', \$out, '2>', \$err);
	select(undef, undef, undef, rand(0.3));
	$node->stop('immediate');
	eval { $run->finish };
	$node->start;
	my $there = in_ledger($node, "SELECT count(*) FROM provider_transfer WHERE reference = 'r$round'");
	is(in_ledger($node, "SELECT coalesce(sum(e.amount), '0 BTC') FROM event AS e WHERE e.reference = 'provider-transfer:r$round' AND e.event = 'paid'"), $there ? '0.10 BTC' : '0.00 BTC',
		'a transfer during which the server was killed is in the books of all or of none');
	ok($there || $out eq '', 'a transfer that was answered is there');
}

# killed right after the commit
my $left = in_ledger($node, q{SELECT outstanding FROM provider_position('LP1') WHERE asset = 'BTC'});
is(in_ledger($node, "SELECT count(*) FROM record_provider_transfer('LP1', 'received', '$left', 't', 'chain')"), $clients, 'one delivery reaches every client');
$node->stop('immediate');
$node->start;
is(in_ledger($node, q{SELECT count(*) || ' ' || sum(paid) FROM jsonb_populate_recordset(NULL::provider_transfer_result, (SELECT outcome FROM request WHERE scope = 'provider_transfer' AND reference = 't'))}), "$clients $left", 'and is in all books after the server was killed');
is(in_ledger($node, q{SELECT count(*) FROM provider_position('LP1') WHERE asset = 'BTC' AND NOT is_zero(outstanding)}), 0, 'nothing is outstanding any more');
verify_clean($node, 'transfers over many clients are what was recorded');
done_testing();
