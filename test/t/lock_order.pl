# Runs of the jobs and of cash calls against sessions that trade, bust, hold
# and move cash: single calls follow one order of locks (src/README.md), so
# that none ends in a deadlock (40P01).
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use Test::More;

my $seconds = 12;
my $customers = 40;
# a circle that would be broken by somebody's giving up after a second shows all the same; parts of runs give up sooner (src/README.md, 12)
my $node = ledger_node('lock_order', conf => "deadlock_timeout = 200ms\n");

in_ledger($node, <<"SQL");
SELECT open_provider('LP1', 'Provider');
SELECT open_client(c, at => '2026-01-01Z') FROM unnest('{ORDA,ORDB}'::text[]) AS c;
SELECT open_customers(c, ARRAY(SELECT c || 1000 + n FROM generate_series(1, $customers) AS n)), change_cash_terms(c, availability_days => 0, minimum_withdrawal => '1.00 USD') FROM unnest('{ORDA,ORDB}'::text[]) AS c;
SELECT count(*) FROM unnest('{ORDA,ORDB}'::text[]) AS c, LATERAL load_journals(ARRAY(
	SELECT (c, journal_entry(line('Dr', (open_account(c, a.fund, a.control, a.held::asset)).account, a.amount),
		line('Cr', (open_account(c, a.fund, format(a.claim, c || 1000 + n), a.held::asset)).account, a.amount)), a.fund || n, 'opening', NULL, NULL, false)::journal_request
	FROM generate_series(1, $customers) AS n, (VALUES ('CUST', 'Wallet:omnibus', 'Cust:%s', 'BTC', '10 BTC'::amount), ('FBO', 'Bank:omnibus', 'Cust:%s:settled', 'USD', '90000 USD')) AS a (fund, control, claim, held, amount)));
SELECT count(*) FROM instruct_fbo_transfer('ORDA', '9000 USD', 'float') f, LATERAL confirm_fbo_transfer('ORDA', f.reference, 'bank');
SELECT change_job(j, every => '1 second') FROM unnest('{expire_holds,settle_deposits,process_cash_calls,close_due_windows,seal}'::text[]) AS j;
SELECT change_job(j, times => ARRAY(SELECT ((clock_timestamp() + n * interval '2 seconds') AT TIME ZONE 'America/Chicago')::time(0) FROM generate_series(1, 30) AS n)) FROM unnest('{take_aged_tpj_am,charge_cash_call_write_offs}'::text[]) AS j;
CREATE TABLE public.outcome (call text, state text);
CREATE SEQUENCE public.number;
-- what the ledger refuses, or has not the time to wait for, is no matter here
CREATE FUNCTION public.call(statement text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	name text := substring(replace(statement, 'count(*)', '') FROM '([a-z_]+)[(]');
BEGIN
	EXECUTE statement;
	INSERT INTO public.outcome VALUES (name, '00000');
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	IF SQLSTATE !~ '^LG|^55P03' THEN
		RAISE;
	END IF;
	INSERT INTO public.outcome VALUES (name, SQLSTATE);
	RETURN SQLSTATE;
END \$\$;
SQL

# one call each, %1: a client, %2: a customer of it
my $party = q{\set c random(0, 1)
\set n random(1001, 1040)
};
my %calls = (
	'trades and busts' => [
		"SELECT post_trade('%2', (ARRAY['BUY', 'SELL'])[1 + (random() < 0.5)::int], '0.001 BTC', 'LP1', 't' || nextval('public.number'), provider_price => '60000 USD/BTC', executed_at => clock_timestamp() - interval '10 minutes')",
		"SELECT bust_trade(u.customer_code, reference => 'b' || nextval('public.number'), journal => j.journal_id) FROM customer u JOIN LATERAL (SELECT j.journal_id FROM journal j WHERE j.customer_id = u.customer_id AND j.kind = 3
			AND NOT EXISTS (SELECT FROM journal r WHERE r.client_id = j.client_id AND r.reverses = j.journal_id) ORDER BY random() LIMIT 1) j ON true WHERE u.customer_code = '%2'" ],
	'customers' => [
		"SELECT authorize_hold('%1', account_of('%1', 'CUST', 'Cust:%2', 'BTC'), '0.001 BTC', 'h' || nextval('public.number'), clock_timestamp() + interval '1 second')",
		"SELECT initiate_deposit('%2', '1.00 USD', 'd' || nextval('public.number'), at => clock_timestamp() - interval '8 minutes')",
		"SELECT credit_deposit('%1', t.reference, at => clock_timestamp() - interval '7 minutes') FROM funding_transfer t JOIN customer u USING (customer_id) WHERE u.customer_code = '%2' AND t.status = 'INITIATED' LIMIT 1",
		"SELECT request_withdrawal('%2', '1.00 USD', 'w' || nextval('public.number'))",
		"SELECT return_deposit('%1', t.reference, 'R01') FROM funding_transfer t JOIN customer u USING (customer_id) WHERE u.customer_code = '%2' AND t.status = 'SETTLED' AND random() < 0.2 LIMIT 1" ],
	'runs' => [ map { "SELECT count(*) FROM $_()" } qw(run_due_jobs process_cash_calls instruct_settlement_transfers settle_deposits expire_holds top_up_deficits) ],
	'lists and transfers' => [
		"SELECT count(*) FROM take_aged_tpj('PM', clock_timestamp() - nextval('public.number') * interval '1 day')",
		"SELECT confirm_fbo_transfer(t.client, t.reference, 'bank ' || nextval('public.number')) FROM fbo_transfers('%1', in_transit_only => true) t ORDER BY random() LIMIT 1",
		"SELECT instruct_fbo_transfer('%1', '1.00 USD', 'f' || nextval('public.number'))",
		"SELECT freeze_account(account_of('%1', 'CORP', 'DueFrom:FBO', 'USD'), 'credit', reason => 'test')",
		"SELECT unfreeze_account(account_of('%1', 'CORP', 'DueFrom:FBO', 'USD'), reason => 'test')" ],
);

sub script_of
{
	return $party . join('', map { "SELECT public.call(format(\$call\$" . s/\n\s*/ /gr =~ s/%1/%1\$s/gr =~ s/%2/%2\$s/gr . "\$call\$, 'ORD' || chr(65 + :c), 'ORD' || chr(65 + :c) || :n));\n" } @_);
}

my %sessions = ('trades and busts' => 4, 'customers' => 3, 'runs' => 1, 'lists and transfers' => 1);
my %run = map { $_ => bench_start($node, script_of(@{ $calls{$_} }), '-c', $sessions{$_}, '-T', $seconds, '--max-tries=1', '--failures-detailed', '--verbose-errors') } keys %calls;

foreach my $name (sort keys %run)
{
	$run{$name}{harness}->finish;
	my ($done) = $run{$name}{out} =~ /transactions actually processed: (\d+)/;
	my ($deadlocks) = $run{$name}{out} =~ /number of deadlock failures: (\d+)/;

	cmp_ok($done, '>', 0, "$name: transactions are processed");
	is($deadlocks, 0, "$name: no transaction ends in a deadlock") or diag($run{$name}{out});
	unlike($run{$name}{err}, qr/aborted/, "$name: no session is aborted by another error") or diag($run{$name}{err});
	note("$name: $done done, " . join('; ', $run{$name}{out} =~ /(number of .* failures.*)/g));
}
note(in_ledger($node, 'SELECT call, state, count(*) FROM public.outcome GROUP BY 1, 2 ORDER BY 1, 2'));
is(in_ledger($node, "SELECT DISTINCT call FROM public.outcome EXCEPT SELECT call FROM public.outcome WHERE state = '00000'"), '',
	'each kind of call succeeds at least once');
note(in_ledger($node, 'SELECT job, status, sqlstate, count(*) FROM job_run GROUP BY 1, 2, 3 ORDER BY 1, 2'));
is(in_ledger($node, "SELECT sqlstate, count(*) FROM job_run WHERE sqlstate = '40P01' GROUP BY 1"), '',
	'no job ends in a deadlock');
checks_clean($node, 'after all sessions');

$node->stop;
done_testing();
