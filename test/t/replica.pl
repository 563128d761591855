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
in_ledger($node, <<'SQL');
CREATE FUNCTION public.pay(reference text, a int, b int, amount amount) RETURNS journal_request LANGUAGE sql STABLE AS $$
	SELECT ROW('REPL', reference, 'transfer', journal_entry(line('Dr', x.account, amount), line('Cr', y.account, amount)), NULL, NULL, false)::journal_request
	FROM public.claim x, public.claim y WHERE x.n = a AND y.n = b
$$;
SELECT post_journals(ARRAY(SELECT public.pay('a' || i, 1 + i % 10, 1 + (i * 7) % 10, '2.50 USD') FROM generate_series(1, 200) AS i));
SELECT seal();
SELECT post_journals(ARRAY(SELECT public.pay('b' || i, 1 + i % 10, 1 + (i * 3) % 10, '2.50 USD') FROM generate_series(1, 50) AS i));
SQL
$node->wait_for_catchup($standby);

foreach my $query (
	'SELECT * FROM verify()',
	'SELECT * FROM trial_balance() AS t ORDER BY t::text',
	'SELECT * FROM block ORDER BY block_no',
	'SELECT * FROM balance ORDER BY account',
	"SELECT * FROM balances('REPL') AS b ORDER BY b::text",
	'SELECT * FROM posting AS p ORDER BY p::text',
	"SELECT * FROM statement('REPL0001', 'USD') AS s ORDER BY s::text")
{
	my $answer = in_ledger($node, $query);
	isnt($answer, '', "the primary answers $query") unless $query =~ /verify/;
	is(in_ledger($standby, $query), $answer, "the standby answers $query alike");
}
verify_clean($standby, 'standby');

is(sqlstate_of($standby, "SELECT post_journals(ARRAY[public.pay('no', 1, 2, '1.00 USD')])"), '25006', 'the standby takes no posting');
is(sqlstate_of($standby, 'SELECT seal()'), '25006', 'nor does it seal');
is(sqlstate_of($node, "BEGIN READ ONLY; SELECT post_journals(ARRAY[public.pay('no', 1, 2, '1.00 USD')])"), '25006', 'nor does a read-only transaction');

$node->stop('immediate');
$standby->promote;
is(in_ledger($standby, "SELECT outcome FROM post_journals(ARRAY[public.pay('yes', 1, 2, '1.00 USD')])"), 'posted', 'promoted, it posts');
in_ledger($standby, 'SELECT seal()');
verify_clean($standby, 'promoted');
$standby->stop;
done_testing();
