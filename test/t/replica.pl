# A hot standby gives the same proofs as the primary, and takes no posting.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = ledger_node('primary', init => { allows_streaming => 1 });
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

make_world($node, 'REPL', 10, '500.00');
make_cash($node, 'REPL');
in_ledger($node, <<'SQL');
CREATE FUNCTION public.pay(reference text, a int, b int, amount amount) RETURNS journal_request LANGUAGE sql STABLE AS $$
	SELECT ROW('REPL', journal_entry(line('Dr', x.account, amount), line('Cr', y.account, amount)), reference, 'transfer', NULL, NULL, false)::journal_request
	FROM public.claim x, public.claim y WHERE x.n = a AND y.n = b
$$;
SELECT load_journals(ARRAY(SELECT public.pay('a' || i, 1 + i % 10, 1 + (i * 7) % 10, '2.50 USD') FROM generate_series(1, 200) AS i));
SELECT seal();
SELECT load_journals(ARRAY(SELECT public.pay('b' || i, 1 + i % 10, 1 + (i * 3) % 10, '2.50 USD') FROM generate_series(1, 50) AS i));
SQL
$node->wait_for_catchup($standby);

foreach my $query (
	'SELECT * FROM verify()',
	'SELECT * FROM trial_balance() AS t ORDER BY t::text',
	'SELECT * FROM block ORDER BY block_no',
	'SELECT * FROM balance ORDER BY account',
	"SELECT * FROM balances('REPL') AS b ORDER BY b::text",
	'SELECT * FROM posting AS p ORDER BY p::text',
	"SELECT * FROM statement('REPL0001', 'USD') AS s ORDER BY s::text",
	(map { "SELECT $_ ORDER BY c.code, t::text COLLATE \"C\"" } @LedgerTest::cash_reports))
{
	my $answer = in_ledger($node, $query);
	isnt($answer, '', "the primary answers $query") unless $query =~ /verify/;
	is(in_ledger($standby, $query), $answer, "the standby answers $query alike");
}
checks_clean($standby, 'on the standby');

is(sqlstate_of($standby, "SELECT load_journals(ARRAY[public.pay('no', 1, 2, '1.00 USD')])"), '25006', 'the standby takes no posting');
is(sqlstate_of($standby, 'SELECT seal()'), '25006', 'the standby seals no block');
is(sqlstate_of($standby, $_), '25006', "the standby refuses $_")
	foreach ('SELECT count(*) FROM process_cash_calls()', "SELECT take_aged_tpj('AM', '2026-03-05 15:30Z')", 'SELECT run_due_jobs()',
	"SELECT initiate_deposit('REPL0092', '1.00 USD', 'no')", "SELECT confirm_fbo_transfer('REPL', 'in transit', 'no')");
is(sqlstate_of($node, "BEGIN READ ONLY; SELECT load_journals(ARRAY[public.pay('no', 1, 2, '1.00 USD')])"), '25006',
	'a read-only transaction takes no posting');

$node->stop('immediate');
$standby->promote;
is(in_ledger($standby, "SELECT outcome FROM load_journals(ARRAY[public.pay('yes', 1, 2, '1.00 USD')])"), 'posted',
	'a promoted standby posts journals');
is(in_ledger($standby, "SELECT status FROM receive_wire('REPL', '600.00 USD', 'yes', 'REPL0093')"), 'SETTLED',
	'a promoted standby takes in a customer\'s wire');
is(in_ledger($standby, "SELECT settled FROM process_cash_calls(client => 'REPL')"), 1,
	'a promoted standby collects a cash call (TPJ)');
in_ledger($standby, 'SELECT seal()');
checks_clean($standby, 'on the promoted standby');
$standby->stop;
done_testing();
