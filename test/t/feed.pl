# The feed under load: sixteen sessions commit in random order, with rollbacks
# and transactions that stay open, while blocks are sealed and three consumers
# read page by page: each record comes once, in order, and none is skipped; one
# writer that never ends holds nobody else's records up; a client's own
# consumer gets its client's records only, without the company's side of them.
# A ledger brought back to an earlier state tells a consumer that has read on.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = ledger_node('feed', init => { allows_streaming => 1, has_archiving => 1 }, conf => "deadlock_timeout = 200ms\nautovacuum = off\n");
my $seconds = $ENV{FEED_SECONDS} // 15;

make_world($node, 'ONEE', 20, '100000.00');
make_world($node, 'TWOO', 20, '100000.00');
in_ledger($node, <<'SQL');
CREATE ROLE tenant LOGIN IN ROLE bakkt_ledger_reader;
CREATE ROLE auditor LOGIN IN ROLE bakkt_ledger_auditor;
SELECT grant_client_access('ONEE', 'tenant'), open_provider('LP1', 'Provider');
SELECT deposit_coin(code, '1000.00 BTC', 'coin' || code) FROM public.claim;

-- what a session does: payments, holds and their release, requests that are refused, executions with a provider
CREATE FUNCTION public.some_work(client text, a int, b int, what int, n bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	payer	public.claim := (SELECT c FROM public.claim AS c WHERE c.client = $1 AND c.n = a);
	payee	public.claim := (SELECT c FROM public.claim AS c WHERE c.client = $1 AND c.n = b);
BEGIN
	IF what < 4 THEN
		PERFORM load_journals(ARRAY[ROW(client, journal_entry(line('Dr', payer.account, '1.00 USD'), line('Cr', payee.account, '1.00 USD')), 'pay' || n, 'transfer', 'pay', NULL, false)::journal_request]);
	ELSIF what < 6 THEN
		PERFORM load_journals(ARRAY[ROW(client, journal_entry(line('Dr', payer.account, '10000000.00 USD'), line('Cr', payee.account, '10000000.00 USD')), 'much' || n, 'transfer', NULL, NULL, false)::journal_request]);
	ELSIF what < 8 THEN
		PERFORM authorize_hold(client, payer.account, '1.00 USD', 'hold' || n), release_hold(client, 'hold' || n, 'release' || n);
	ELSE
		PERFORM post_trade(payer.code, 'BUY', '0.01 BTC', 'LP1', 'trade' || n, provider_price => '60000.00 USD/BTC', markup_bps => 50, fee_minimum => '1.00 USD');
	END IF;
END $$;

-- a consumer keeps what it got, and how far it has read, in one transaction
CREATE TABLE public.consumed (consumer text, place bigint GENERATED ALWAYS AS IDENTITY, block_no bigint, number bigint, kind text, client text, content jsonb);
CREATE TABLE public.consumer (consumer text PRIMARY KEY, cursor feed_cursor);
INSERT INTO public.consumer VALUES ('large pages', NULL), ('small pages', NULL), ('tenant', NULL);
GRANT SELECT, INSERT ON public.consumed TO PUBLIC;
GRANT SELECT, UPDATE ON public.consumer TO PUBLIC;
CREATE FUNCTION public.consume(consumer text, most int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	page	feed_record[] := ARRAY(SELECT f FROM public.consumer AS c, feed(c.cursor, most) AS f WHERE c.consumer = $1);
BEGIN
	INSERT INTO public.consumed (consumer, block_no, number, kind, client, content) SELECT $1, p.block_no, p.number, p.kind, p.client, p.content FROM unnest(page) AS p;
	UPDATE public.consumer AS c SET cursor = page[cardinality(page)].cursor WHERE c.consumer = $1 AND page <> '{}';
	RETURN cardinality(page);
END $$;
CREATE FUNCTION public.consume_all(consumer text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN WHILE public.consume(consumer, 1000) > 0 LOOP END LOOP; END $$;
SQL

# one writer is in the middle of its work from the beginning to the end
my $open = $node->background_psql($LedgerTest::database, on_error_stop => 1);
$open->query_safe("BEGIN; SELECT public.some_work('ONEE', 1, 2, 0, 0)");
my $held = in_ledger($node, "SELECT bakkt_ledger_internal.last_record_number()");

# who listens is told of blocks
my $listener = $node->background_psql($LedgerTest::database, on_error_stop => 1);
$listener->query_safe('LISTEN bakkt_ledger_sealed');

my @consumer = (
	bench_start($node, "SELECT public.consume('large pages', 500);\n\\sleep 50 ms\n", '-U', 'auditor', '-c', 1, '-T', $seconds),
	bench_start($node, "SELECT public.consume('small pages', 17);\n", '-U', 'auditor', '-c', 1, '-T', $seconds),
	bench_start($node, "SELECT public.consume('tenant', 100);\n\\sleep 20 ms\n", '-U', 'tenant', '-c', 1, '-T', $seconds));
my $sealer = bench_start($node, "SELECT seal();\n\\sleep 30 ms\n", '-c', 1, '-T', $seconds);
my $run = bench($node, <<'SQL', { PGOPTIONS => '-c bakkt_ledger.lock_wait=60s' }, '-c', 16, '-j', 2, '-T', $seconds, '--max-tries=1');
\set client random(1, 2)
\set a random(3, 20)
\set b random(3, 20)
\set what random(0, 9)
\set n random(1, 1000000000000)
\set hold random(0, 30)
\set ending random(1, 10)
BEGIN;
SELECT public.some_work(CASE :client WHEN 1 THEN 'ONEE' ELSE 'TWOO' END, :a, :b, :what, :n);
\if :hold = 0
\sleep 1500 ms
\elif :hold < 10
\sleep 20 ms
\endif
\if :ending > 2
COMMIT;
\else
ROLLBACK;
\endif
SQL
ok($run->{ok}, 'sixteen sessions work at random') or diag($run->{err});
foreach my $other (@consumer, $sealer)
{
	IPC::Run::finish($other->{harness});
	is($other->{err} =~ /ERROR|aborted/ ? $other->{err} : '', '', 'consumers and sealer meet no error');
}

# what is committed and not yet read
sub drain
{
	in_ledger($node, 'SELECT seal()');
	$node->safe_psql($LedgerTest::database, "SELECT public.consume_all('large pages'), public.consume_all('small pages')", extra_params => [ '-U', 'auditor' ]);
	$node->safe_psql($LedgerTest::database, "SELECT public.consume_all('tenant')", extra_params => [ '-U', 'tenant' ]);
	return;
}

sub everything_once
{
	my ($name) = @_;

	foreach my $consumer ('large pages', 'small pages')
	{
		is(in_ledger($node, "SELECT kind, number FROM public.consumed WHERE consumer = '$consumer' EXCEPT ALL SELECT kind, number FROM all_records()"), '', "$name: nothing comes twice, and nothing that is not there ($consumer)");
		is(in_ledger($node, "SELECT kind, number FROM all_records() EXCEPT ALL SELECT kind, number FROM public.consumed WHERE consumer = '$consumer'"), '', "$name: no record is skipped ($consumer)");
	}
	is(in_ledger($node, "SELECT kind, number FROM public.consumed WHERE consumer = 'large pages' AND client = 'ONEE' AND kind IN ('journal', 'refusal') EXCEPT ALL SELECT kind, number FROM public.consumed WHERE consumer = 'tenant'"), '',
		"$name: the client's consumer gets every payment, execution and refusal of its client");
	is(in_ledger($node, "SELECT number FROM public.consumed WHERE consumer = 'tenant' GROUP BY number HAVING count(*) > 1"), '', "$name: the client's consumer gets nothing twice");
	is(in_ledger($node, <<'SQL'), '', "$name: every consumer gets them in order of block and number");
SELECT consumer, block_no, number FROM (SELECT *, lag((block_no, number)) OVER (PARTITION BY consumer ORDER BY place) AS before FROM public.consumed) AS c WHERE before >= (block_no, number)
SQL
	return;
}
drain();
cmp_ok(in_ledger($node, "SELECT count(*) FROM all_records() WHERE number > $held"), '>', 500, 'there is much that was recorded after the writer that stays open');
cmp_ok(in_ledger($node, 'SELECT count(*) FROM block'), '>', 20, 'there are many blocks');
cmp_ok(in_ledger($node, "SELECT count(*) FROM block WHERE pending <> '{}'"), '>', 10, 'blocks were sealed while transactions were under way');
cmp_ok(in_ledger($node, 'SELECT count(*) FROM block AS b JOIN block AS p ON p.block_no = b.block_no - 1 WHERE NOT isempty(p.pending - b.absent)'), '>', 5, 'records came late');
everything_once('while a writer stays open');
is(in_ledger($node, "SELECT count(*) FROM public.consumed WHERE content ->> 'reference' = 'pay0'"), '0', 'what is not committed is not told');

# the writer ends: its records are in a later block, and are read like any other
$open->query_safe('COMMIT');
$open->quit;
my $before = in_ledger($node, 'SELECT max(block_no) FROM block');
drain();
everything_once('when the writer has ended');
is(in_ledger($node, "SELECT count(*) FROM public.consumed WHERE content ->> 'reference' = 'pay0' AND block_no > $before AND number <= $held"), '3', 'a record that was committed late is told after what was recorded after it');

# the client's own
is(in_ledger($node, "SELECT DISTINCT client FROM public.consumed WHERE consumer = 'tenant'"), 'ONEE', "a client's consumer gets its client's records only");
is(in_ledger($node, "SELECT content FROM public.consumed WHERE consumer = 'tenant' AND content::text ~* 'LP1|provider|Revenue:|revenue\"|Bank:|Clearing:' LIMIT 1"), '',
	"a client's consumer gets no provider's price, no revenue and no bank");
cmp_ok(in_ledger($node, "SELECT count(*) FROM public.consumed WHERE consumer = 'tenant' AND content -> 'execution' IS NOT NULL"), '>', 10, "a client's consumer gets its customers' executions");

my $notified = $listener->query_safe('SELECT 1');
like($notified, qr/"bakkt_ledger_sealed" with payload "\d+"/, 'seal() notifies who listens of the block');
$listener->quit;
verify_clean($node, 'after the load');

# Back to an earlier state: the copy is taken, the ledger goes on and is read on; the copy goes another way.
$node->backup('earlier');
my $earlier = in_ledger($node, "SELECT cursor FROM public.consumer WHERE consumer = 'large pages'");
in_ledger($node, "SELECT public.some_work('ONEE', 1, 2, 0, 1)");
drain();
my $later = in_ledger($node, "SELECT cursor FROM public.consumer WHERE consumer = 'large pages'");
isnt($later, $earlier, 'the consumer has read on');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'earlier');
$copy->start;
is($copy->safe_psql($LedgerTest::database, "SELECT count(*) FROM feed('$earlier')"), '0', 'a cursor that the earlier state still has goes on');
my ($code, $out, $err) = $copy->psql($LedgerTest::database, "SELECT * FROM feed('$later')", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/LG069/, 'a cursor of a block that is lost is refused');
$copy->safe_psql($LedgerTest::database, "SELECT public.some_work('TWOO', 1, 2, 0, 2); SELECT seal()");
is($copy->safe_psql($LedgerTest::database, 'SELECT max(block_no) FROM block'), in_ledger($node, 'SELECT max(block_no) FROM block'), 'the copy has sealed a block of the same number');
($code, $out, $err) = $copy->psql($LedgerTest::database, "SELECT * FROM feed('$later')", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/LG069/, 'a cursor of another block of the same number is refused');
is($copy->safe_psql($LedgerTest::database, "SELECT content ->> 'reference' FROM feed('$earlier')"), 'pay2', 'the earlier cursor reads what the copy has recorded instead');
$copy->stop;

$node->stop;
done_testing();
