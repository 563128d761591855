# Fifty sessions approve payouts of one client's share of revenue at once, while trades accrue to it and another session trues it
# up: never more is paid than has accrued.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use LedgerTest;
use Test::More;

my $sessions = 50;
my $node = ledger_node('share_payout');

in_ledger($node, <<"SQL");
CREATE ROLE ann LOGIN IN ROLE bakkt_ledger_settler;
CREATE ROLE ben LOGIN IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;
SELECT open_provider('LP1', 'Provider');
SELECT open_client('PAYS', funding_model => 'NO_SETTLEMENT', revenue_share_bps => 3333, at => '2026-01-01Z'), open_customer('PAYS', 'PAYS0001', at => '2026-01-01Z');
SELECT post_trade('PAYS0001', 'BUY', '1 BTC', 'LP1', 'first', price => '60100 USD/BTC', provider_price => '60000 USD/BTC', executed_at => '2026-01-02Z');
SQL
# 33.33 have accrued: each payout alone is covered, six together are
$node->safe_psql($LedgerTest::database, "SELECT propose_share_payout('PAYS', '5 USD', 'p' || n) FROM generate_series(1, $sessions) AS n", extra_params => [ '-U', 'ann' ]);
is(in_ledger($node, q{SELECT count(*) FROM share_payout WHERE status = 'PROPOSED'}), $sessions, 'payouts that are only proposed reserve nothing');

sub start_session
{
	my ($role, $statement, $err) = @_;
	return IPC::Run::start([ 'psql', '-XqAt', '-U', $role, '-d', $node->connstr($LedgerTest::database), '-v', 'VERBOSITY=sqlstate', '-c', "SET bakkt_ledger.lock_wait = '1min'", '-c', $statement ],
		'>', \my $out, '2>', $err);
}

my $admin = in_ledger($node, 'SELECT current_user');
my @err = ('') x ($sessions + 2);
# revenue of a cent accrues nothing when rounded: what these sessions add is trued up by the other one
my @runs = (start_session($admin, q{DO $$ BEGIN FOR n IN 1 .. 60 LOOP PERFORM post_trade('PAYS0001', 'BUY', '0.01 BTC', 'LP1', 'small' || n, price => '60001 USD/BTC', provider_price => '60000 USD/BTC'); COMMIT; END LOOP; END $$}, \$err[$sessions]),
	start_session($admin, q{DO $$ BEGIN FOR n IN 1 .. 10 LOOP PERFORM true_up_revenue_shares(client => 'PAYS'); COMMIT; END LOOP; END $$}, \$err[ $sessions + 1 ]),
	map { start_session('ben', "SELECT approve_share_payout('PAYS', 'p$_')", \$err[ $_ - 1 ]) } 1 .. $sessions);
eval { $_->finish } foreach @runs;
is_deeply([ grep { $_ ne '' } @err[ $sessions, $sessions + 1 ] ], [], 'trades and true-ups go on beside payouts');
is(scalar(grep { /LG050/ } @err[ 0 .. $sessions - 1 ]), $sessions - 6, 'payouts beyond what has accrued are refused with LG050');
is(in_ledger($node, q{SELECT count(*) || ' of ' || sum(amount) FROM share_payout WHERE status = 'INSTRUCTED'}), '6 of 30.00 USD', 'six payouts of 5.00 fit into 33.33');

in_ledger($node, q{SELECT true_up_revenue_shares(client => 'PAYS')});
is(in_ledger($node, q{SELECT closing || ' of ' || accrued + trued_up FROM revenue_share_statement('PAYS')}), '3.53 USD of 33.53 USD', 'the share has 33.33 % of 100.60, less what was paid');
verify_clean($node, 'payouts and true-ups of many sessions are what was recorded');
done_testing();
