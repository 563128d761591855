# One reference, one outcome: a hundred sessions submit the same request at
# the same moment and all get the same answer, for ever.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use Test::More;

my $node = ledger_node('idempotency');
make_world($node, 'SAME', 4, '100.00');

in_ledger($node, <<'SQL');
CREATE TABLE public.answer (try text, session int, posted_by text, outcome text, replayed boolean, journal bigint, sqlstate text, message text, detail text, recorded_at timestamptz);
CREATE FUNCTION public.claim_of(n int) RETURNS account_id LANGUAGE sql STABLE AS $$ SELECT account FROM public.claim AS c WHERE c.n = $1 $$;
CREATE FUNCTION public.house_of(name text) RETURNS account_id LANGUAGE sql STABLE AS $$ SELECT account FROM public.house AS h WHERE h.name = $1 $$;
CREATE FUNCTION public.request(reference text, debit account_id, credit account_id, amount amount) RETURNS journal_request LANGUAGE sql STABLE
	AS $$ SELECT ROW('SAME', journal_entry(line('Dr', debit, amount), line('Cr', credit, amount)), reference, 'transfer', 'same', NULL, false)::journal_request $$;
SQL

# A hundred sessions wait at a gate, then submit at once.
sub submit
{
	my ($try, $request) = @_;
	my $gate = bench_start($node, "SELECT pg_advisory_lock(1);\nSELECT pg_sleep(600);\n", '-c', 1, '-t', 1);
	$node->poll_query_until($LedgerTest::database, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND granted") or die 'the gate is not shut';
	my $run = bench_start($node, <<"SQL", '-c', 100, '-j', 2, '-t', 1, '--max-tries', 1000);
SELECT pg_advisory_lock_shared(1);
INSERT INTO public.answer SELECT '$try', :client_id, NULL, r.outcome, r.replayed, r.journal, r.sqlstate, r.message, r.detail, r.recorded_at FROM load_journals(ARRAY[$request]) AS r;
SQL
	$node->poll_query_until($LedgerTest::database, "SELECT count(*) = 100 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
		or die 'the sessions never came to the gate';
	in_ledger($node, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted");
	$_->{harness}->finish foreach $run, $gate;
	is(in_ledger($node, "SELECT count(*) FROM public.answer WHERE try = '$try'"), 100,
		"a hundred sessions get an answer each: $try") or diag($run->{err});
}

sub one_answer
{
	my ($try) = @_;
	is(in_ledger($node, "SELECT count(DISTINCT (outcome, journal, sqlstate, message, detail, recorded_at)) FROM public.answer WHERE try = '$try'"), 1,
		"sessions that submit one request get one answer: $try");
	is(in_ledger($node, "SELECT count(*) FROM public.answer WHERE try = '$try' AND NOT replayed"), 1,
		"exactly one answer is not a replay: $try");
}

sub journals
{
	my ($reference) = @_;
	return in_ledger($node, "SELECT count(*) FROM journal WHERE reference = '$reference'");
}

foreach my $isolation ('read committed', 'repeatable read', 'serializable')
{
	local $ENV{PGOPTIONS} = '-c default_transaction_isolation=' . ($isolation =~ s/ /\\ /r);
	my $try = $isolation =~ s/ /-/r;

	submit("house/$try", "public.request('house/$try', public.house_of('Bank:operating'), public.house_of('Equity'), '5.00 USD')");
	one_answer("house/$try");
	is(journals("house/$try"), 1, "a request on house accounts writes one journal: $isolation");

	submit("claim/$try", "public.request('claim/$try', public.claim_of(1), public.claim_of(2), '10.00 USD')");
	one_answer("claim/$try");
	is(journals("claim/$try"), 1, "a request on customers' accounts writes one journal: $isolation");

	submit("refused/$try", "public.request('refused/$try', public.claim_of(3), public.claim_of(4), '150.00 USD')");
	one_answer("refused/$try");
	is(journals("refused/$try"), 0, "a refused overdraft writes no journal: $isolation");
	is(in_ledger($node, "SELECT string_agg(DISTINCT sqlstate, '') FROM public.answer WHERE try = 'refused/$try'"), 'LG050',
		"a refused overdraft gives every session one SQLSTATE: $isolation");
}
is(in_ledger($node, "SELECT posted FROM balance WHERE account = public.claim_of(1)"), '-70.00 USD',
	'a request of a hundred sessions moves its money once');

# Two contents under one reference: one wins, the others are told which field differs.
submit('two', "public.request('two', public.claim_of(2), public.claim_of(1 + 0 * :client_id), CASE WHEN :client_id % 2 = 0 THEN '1.00 USD' ELSE '2.00 USD' END::amount)");
is(journals('two'), 1, 'two contents under one reference write one journal');
is(in_ledger($node, "SELECT count(*) FROM public.answer WHERE try = 'two' AND outcome = 'posted'"), 50,
	'sessions with the content that won are told it is posted');
is(in_ledger($node, "SELECT count(*) FROM public.answer WHERE try = 'two' AND sqlstate = 'LG020' AND detail ~* 'entry'"), 50,
	'sessions with the other content are told that the entry differs');

# A refusal outlives its cause.
in_ledger($node, "SELECT load_journal('SAME', journal_entry(line('Dr', public.house_of('Bank:omnibus'), '1000.00 USD'), line('Cr', public.claim_of(3), '1000.00 USD')), 'fund 3')");
is(in_ledger($node, "SELECT outcome, sqlstate, replayed FROM load_journals(ARRAY[public.request('refused/read-committed', public.claim_of(3), public.claim_of(4), '150.00 USD')])"),
	'refused|LG050|t', 'a refusal is replayed after its cause is gone');
is(sqlstate_of($node, "SELECT load_journals(ARRAY[public.request('refused/read-committed', public.claim_of(3), public.claim_of(4), '150.00 USD')], strict => true)"), 'LG050',
	'the strict form raises a refusal after its cause is gone');
is(in_ledger($node, "SELECT outcome, sqlstate FROM load_journals(ARRAY[public.request('refused/read-committed', public.claim_of(3), public.claim_of(4), '1.00 USD')])"),
	'refused|LG020', 'a refused reference cannot be used for something smaller');
is(in_ledger($node, "SELECT outcome FROM load_journals(ARRAY[public.request('refused again', public.claim_of(3), public.claim_of(4), '150.00 USD')])"), 'posted',
	'a new reference is posted once the account is funded');

# What is not committed is not an outcome.
in_ledger($node, "BEGIN; SELECT load_journals(ARRAY[public.request('undone', public.claim_of(1), public.claim_of(2), '1.00 USD')]); ROLLBACK");
is(in_ledger($node, "SELECT outcome, replayed FROM load_journals(ARRAY[public.request('undone', public.claim_of(1), public.claim_of(2), '2.00 USD')])"), 'posted|f',
	'a rolled-back reference is free');
in_ledger($node, "BEGIN; SAVEPOINT s; SELECT load_journals(ARRAY[public.request('half', public.claim_of(1), public.claim_of(2), '1.00 USD')]); ROLLBACK TO s; COMMIT");
is(journals('half'), 0, 'a rolled-back savepoint leaves no journal');
is(in_ledger($node, "SELECT outcome, replayed FROM load_journals(ARRAY[public.request('half', public.claim_of(1), public.claim_of(2), '1.00 USD')])"), 'posted|f',
	'a reference of a rolled-back savepoint is free');

verify_clean($node, 'after all submissions');
$node->stop;
done_testing();
