# Sixty-four sessions trade for one client at its net debit cap: it is never
# exceeded by more than what is under way at one instant, nobody waits for
# another, and each session's view of what is owed is right, also after
# transactions that were undone, prepared, or under way for long.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use Test::More;

my $node = ledger_node('exposure', conf => "max_prepared_transactions = 5\nfsync = off\n");

in_ledger($node, <<'SQL');
SELECT open_client('CAPD', funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z'), open_provider('LP1', 'Provider');
SELECT count(*) FROM open_customers('CAPD', ARRAY(SELECT 'CAPD' || 1000 + n FROM generate_series(0, 200) AS n));
SELECT change_client('CAPD', price_band_bps => 0);
SELECT count(*) FROM customer AS c, LATERAL deposit_coin(c.customer_code, '10000 BTC', 'coin ' || c.customer_code);
SELECT change_exposure_limits('CAPD', 'USD', net_debit_cap => '100000 USD', daily_gross_limit => '900000000 USD');
CREATE SEQUENCE public.number;
CREATE FUNCTION public.trade(customer text, side text, quantity text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(r.sqlstate, r.outcome) FROM post_trades(ARRAY[ROW(customer, side, quantity || ' BTC', 'LP1', 'n' || nextval('public.number'), '1000 USD/BTC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::trade_request]) AS r
$$;
-- what the client owes
CREATE VIEW public.owed AS SELECT value(net_debit) AS dollars FROM client_exposure('CAPD');
SQL

# What a session finds owed is what the journals say: a purchase of a dollar more than there is room for is refused, one of a cent less is not.
sub is_right
{
	my ($name) = @_;
	my $room = 100000 - in_ledger($node, 'SELECT dollars FROM public.owed');
	my $state = in_ledger($node, sprintf q{SELECT public.trade('CAPD1200', 'BUY', '%s')}, ($room + 1) / 1000);
	is($state, 'LG092', "$name: what is beyond the cap is refused ($room USD of room)");
}

subtest 'sixty-four sessions at the cap' => sub {
	# one dollar a trade, as in-flight trades are then counted by dollars; purchases outweigh sales, so that the cap is reached and stays so
	in_ledger($node, q{SELECT public.trade('CAPD1200', 'BUY', '99.6'), public.trade('CAPD1200', 'SELL', '0.1')});
	in_ledger($node, 'CREATE TABLE public.seen (dollars numeric, waiting text)');
	my $watch = bench_start($node, <<'SQL', '-c', 1, '-T', 600);
INSERT INTO public.seen SELECT dollars, (SELECT string_agg(DISTINCT wait_event, ' ') FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event <> 'extend') FROM public.owed;
SQL
	my $run = bench($node, <<'SQL', {}, '-c', 64, '-j', 2, '-T', 6);
\set n 1000 + :client_id
\set side random(1, 5)
SELECT public.trade('CAPD' || :n, CASE WHEN :side < 5 THEN 'BUY' ELSE 'SELL' END, '0.001');
SQL
	$watch->{harness}->kill_kill;
	ok($run->{ok} && $run->{done} > 200, "64 sessions trade: $run->{done} trades");
	my $most = in_ledger($node, <<'SQL');
SELECT greatest((SELECT max(dollars) FROM public.seen), (SELECT dollars FROM public.owed)) - 100000
SQL
	my $by_number = in_ledger($node, <<'SQL');
SELECT max(owed) - 100000 FROM (SELECT sum(value(net_money(j.terms))) OVER (ORDER BY j.recorded_at, j.journal_id) AS owed FROM journal AS j WHERE j.terms IS NOT NULL) AS j
SQL
	my $refused = in_ledger($node, q{SELECT count(*) FROM rejection WHERE sqlstate = 'LG092'});
	cmp_ok($refused, '>', 20, "the cap is reached: $refused trades are refused");
	cmp_ok($most, '<=', 63, "the cap is exceeded by no more than the trades of 63 other sessions under way: seen $most");
	cmp_ok($by_number, '<=', 63, "nor is it in the order of recording: $by_number");
	is(in_ledger($node, 'SELECT DISTINCT waiting FROM public.seen WHERE waiting IS NOT NULL'), '', 'no session is seen to wait for another');
	is(in_ledger($node, q{SELECT count(*) FROM event WHERE subject = 'exposure_alert'}), '1', 'one event tells of it');
	is(in_ledger($node, q{SELECT string_agg(DISTINCT sqlstate, ' ') FROM rejection}), 'LG092', 'trades are refused for the cap only');
	is_right('after the sessions');
};

# A session that has read the position follows it through what others do.
my $session = $node->background_psql('ledger', on_error_stop => 0);
$session->query_safe(q{SET search_path = bakkt_ledger_internal, bakkt_ledger, public});
sub in_session { my $out = $session->query($_[0]); chomp $out; return $out; }
sub room { return (100000 - in_ledger($node, 'SELECT dollars FROM public.owed')) / 1000; }
# more than there is room for, and then all of it, sold again
sub follows
{
	my ($name) = @_;
	my $room = room();
	is(in_session("SELECT public.trade('CAPD1001', 'BUY', '" . ($room + 0.001) . "')"), 'LG092', "$name: no more than there is room for") if $room > -0.001;
	is(in_session("SELECT public.trade('CAPD1001', 'BUY', '$room')"), 'posted', "$name: all of it") if $room > 0;
	is(in_session("SELECT public.trade('CAPD1001', 'SELL', '$room')"), 'posted', "$name: and back") if $room > 0;
}

subtest 'a session follows others' => sub {
	in_ledger($node, q{SELECT public.trade('CAPD1002', 'SELL', '50')});
	follows('at first');
	in_ledger($node, q{SELECT public.trade('CAPD1002', 'BUY', '7')});
	follows("after another session's purchase");

	# one that is under way for long, while others come and go: its numbers are older than what the session has seen
	my $long = $node->background_psql('ledger');
	$long->query_safe(q{SET search_path = bakkt_ledger_internal, bakkt_ledger, public; BEGIN; SELECT public.trade('CAPD1003', 'SELL', '3')});
	in_ledger($node, q{SELECT public.trade('CAPD1002', 'BUY', '1')});
	follows('while a sale is under way');
	in_ledger($node, q{SELECT public.trade('CAPD1002', 'BUY', '1')});
	in_ledger($node, 'SELECT seal()');
	follows('after a block');
	$long->query_safe('COMMIT');
	follows('after a late commit below the numbers seen');
	$long->query_safe(q{BEGIN; SELECT public.trade('CAPD1003', 'BUY', '3')});
	follows('while a purchase is under way');
	in_ledger($node, q{SELECT public.trade('CAPD1002', 'BUY', '1')});
	follows('and another is posted');
	$long->query_safe('ROLLBACK');
	follows('after a rollback');
	$long->query_safe(q{BEGIN; SELECT public.trade('CAPD1003', 'BUY', '2')});
	follows('before one is prepared');
	in_ledger($node, q{SELECT public.trade('CAPD1002', 'SELL', '1')});
	follows('while others go on');
	$long->query_safe(q{PREPARE TRANSACTION 'late'});
	follows('while one is prepared');
	in_ledger($node, q{SELECT public.trade('CAPD1002', 'SELL', '1')});
	follows('and others go on');
	in_ledger($node, q{COMMIT PREPARED 'late'});
	follows('after it is committed');

	# what the session itself undoes
	in_session(q{BEGIN; SELECT public.trade('CAPD1001', 'SELL', '5'); SELECT public.trade('CAPD1001', 'BUY', '1'); ROLLBACK});
	follows('after a rollback of its own');
	in_session(q{BEGIN; SELECT public.trade('CAPD1001', 'BUY', '1'); SAVEPOINT s; SELECT public.trade('CAPD1001', 'SELL', '4'); SELECT public.trade('CAPD1001', 'BUY', '1'); ROLLBACK TO s; COMMIT});
	follows('after a rollback to a savepoint');
	in_session(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM customer});
	in_ledger($node, q{SELECT public.trade('CAPD1004', 'BUY', '2')});
	my $room = room() + 0.001;
	is(in_session("SELECT public.trade('CAPD1005', 'BUY', '$room')"), 'LG092', 'an old snapshot does not hide what others have bought');
	in_session('COMMIT');
	follows('after an old snapshot');
	$long->quit;
};
$session->quit;

is(in_ledger($node, q{SELECT count(*) FROM event WHERE subject = 'exposure_alert'}), '1', 'however often the cap is neared, one event tells of it');
verify_clean($node, 'after all of this');
$node->stop;
done_testing();
