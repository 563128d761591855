# Many sessions at once: a balance is never overdrawn, no update is lost, no
# call deadlocks, every fund and asset always sums to zero.
#
# The references of the journals are written by the clients and say what each
# journal does, so that they are a second, independent set of books: balances
# are recomputed from the references alone.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use Test::More;

my $node = ledger_node('concurrency', conf => "deadlock_timeout = 200ms\n");

make_world($node, 'SPND', 1, '1000.00');
make_world($node, 'HOLD', 1, '500.00');
make_world($node, 'RAND', 60, '1000000.00');
make_world($node, 'RPTB', 60, '1000000.00');
make_world($node, 'SRLZ', 60, '1000000.00');

in_ledger($node, <<'SQL');
CREATE FUNCTION public.claim_of(client text, n int) RETURNS account_id LANGUAGE sql STABLE
	AS $$ SELECT account FROM public.claim AS c WHERE c.client = $1 AND c.n = $2 $$;
CREATE FUNCTION public.house_of(client text, name text) RETURNS account_id LANGUAGE sql STABLE
	AS $$ SELECT account FROM public.house AS h WHERE h.client = $1 AND h.name = $2 $$;
CREATE FUNCTION public.usd(cents bigint) RETURNS amount LANGUAGE sql STABLE
	AS $$ SELECT ((cents / 100.0)::numeric(20, 2)::text || ' USD')::amount $$;

-- out of one claim to the bank
CREATE FUNCTION public.spend(client text, a int, x bigint, n bigint) RETURNS journal_request LANGUAGE sql STABLE AS $$
	SELECT ROW(client, journal_entry(line('Dr', claim_of(client, a), usd(x)), line('Cr', house_of(client, 'Bank:omnibus'), usd(x))), format('spend/%s/%s/%s', a, x, n), 'cash_withdrawal', NULL, NULL, false)::journal_request
$$;
-- out of claim a into b and c, and something through two house accounts
CREATE FUNCTION public.move(client text, a int, b int, c int, x bigint, y bigint, n bigint) RETURNS journal_request LANGUAGE sql STABLE AS $$
	SELECT ROW(client, journal_entry(line('Cr', claim_of(client, b), usd(x)), line('Dr', house_of(client, 'Clearing:ACH-in'), usd(y)),
			line('Dr', claim_of(client, a), usd(x + y)), line('Cr', claim_of(client, c), usd(y)),
			line('Cr', house_of(client, 'Bank:omnibus'), usd(y))), format('move/%s/%s/%s/%s/%s/%s', a, b, c, x, y, n), 'transfer', NULL, NULL, false)::journal_request
$$;
-- what the references say of each claim, debit positive, in cents
CREATE VIEW public.said AS
	SELECT client, claim, sum(cents) AS cents FROM (
		SELECT c.code AS client, part, j.reference FROM journal j JOIN client c USING (client_id), LATERAL (SELECT string_to_array(j.reference, '/')) AS p (part)
	) AS j, LATERAL (
		SELECT part[2]::int, part[3]::bigint WHERE part[1] = 'spend'
		UNION ALL SELECT part[2]::int, part[5]::bigint + part[6]::bigint WHERE part[1] = 'move'
		UNION ALL SELECT part[3]::int, -part[5]::bigint WHERE part[1] = 'move'
		UNION ALL SELECT part[4]::int, -part[6]::bigint WHERE part[1] = 'move'
	) AS l (claim, cents)
	GROUP BY 1, 2;
-- claims whose balance is not their opening and what the references say
CREATE FUNCTION public.lost_updates(client text, opening_cents bigint)
	RETURNS TABLE (claim int, by_reference numeric, by_balance numeric, by_lines numeric) LANGUAGE sql STABLE AS $$
	SELECT c.n, coalesce(s.cents, 0) - opening_cents, b.cents, l.cents
	FROM public.claim c LEFT JOIN public.said s ON s.client = c.client AND s.claim = c.n,
		LATERAL (SELECT 100 * value(b.posted) AS cents FROM balance b WHERE b.account = c.account) AS b,
		LATERAL (SELECT 100 * sum(value(p.amount)) AS cents FROM posting p WHERE p.client = c.client AND p.account = c.account) AS l
	WHERE c.client = $1 AND (coalesce(s.cents, 0) - opening_cents, b.cents) IS DISTINCT FROM (b.cents, l.cents)
$$;
SQL

# Every fund and asset sums to zero, whatever is running.
sub sums_to_zero
{
	my ($name) = @_;
	is(in_ledger($node, 'SELECT fund, asset(amount), sum(amount) FROM posting GROUP BY 1, 2 HAVING sum(value(amount)) <> 0'), '', "$name: every fund and asset sums to zero");
}

# No lost update, nobody deadlocked, verify() clean.
sub judge
{
	my ($name, $client, $opening_cents) = @_;
	is(in_ledger($node, "SELECT * FROM public.lost_updates('$client', $opening_cents)"), '', "$name: balance, lines and the clients' own books agree on every claim");
	sums_to_zero($name);
	is(in_ledger($node, 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'), '0', "$name: the server counts no deadlock");
}

subtest '200 sessions spending one balance never overdraw it' => sub {
	my $run = bench($node, <<'SQL', {}, '-c', 200, '-j', 2, '-t', 15);
\set cents random(1, 2000)
\set n random(1, 1000000000000000)
SELECT outcome FROM load_journals(ARRAY[public.spend('SPND', 1, :cents, :n)]);
SQL
	ok($run->{ok} && $run->{done} == 3000, 'every request of 200 spending sessions is answered');
	is(in_ledger($node, "SELECT count(*) FROM journal WHERE reference LIKE 'spend/%'") + in_ledger($node, "SELECT count(*) FROM rejection WHERE reference LIKE 'spend/%'"),
		3000, 'each request becomes a journal or a recorded refusal');
	is(in_ledger($node, "SELECT string_agg(DISTINCT sqlstate, ' ') FROM rejection WHERE reference LIKE 'spend/%'"), 'LG050',
		'concurrent withdrawals are refused only for lack of funds');
	my $left = in_ledger($node, "SELECT -100 * value(posted) FROM balance WHERE account = public.claim_of('SPND', 1)");
	cmp_ok($left, '>=', 0, "concurrent withdrawals never overdraw a balance: $left cents left");
	# the balance only falls, so whoever was refused asked for more than is left
	cmp_ok(in_ledger($node, "SELECT min(split_part(reference, '/', 3)::bigint) FROM rejection WHERE reference LIKE 'spend/%'"), '>', $left,
		'no withdrawal is refused that the balance covers');
	judge('withdrawals of 200 sessions', 'SPND', 100000);
};

subtest 'a hundred thousand random journals from 32 sessions lose no update' => sub {
	my $batch = join(",\n\t", map { "public.move('RAND', :a$_, :b$_, :c$_, :x$_, :y$_, :n$_)" } 1 .. 10);
	my $set = join('', map { <<"SET" } 1 .. 10);
\\set a$_ random(1, 60)
\\set b$_ random(1, 60)
\\set c$_ random(1, 60)
\\set x$_ random(1, 999)
\\set y$_ random(1, 999)
\\set n$_ random(1, 1000000000000000)
SET
	# Meanwhile blocks are sealed all the time, and a house account's balance,
	# block plus tail, is compared with its lines at the same snapshot.
	my $sealer = bench_start($node, "SELECT seal();\n\\sleep 20 ms\n", '-c', 2, '-T', 600);
	my $reader = bench_start($node, <<'SQL', '-c', 1, '-T', 600);
SELECT 1 / (CASE WHEN value((balance_of(h.account)).balance) = l.lines THEN 1 ELSE 0 END)
FROM public.house h, LATERAL (SELECT sum(value(p.amount)) AS lines FROM posting p WHERE p.client = 'RAND' AND p.account = h.account) AS l
WHERE h.client = 'RAND' AND h.name = 'Clearing:ACH-in' AND l.lines IS NOT NULL;
SQL
	my $run = bench($node, "${set}SELECT count(*) FROM load_journals(ARRAY[$batch]);\n", {}, '-c', 32, '-j', 2, '-t', 313);
	$_->{harness}->kill_kill foreach $sealer, $reader;
	is($sealer->{err}, '', 'blocks are sealed without error while sessions post');
	is($reader->{err}, '', 'a house balance equals the sum of its lines at every moment');
	cmp_ok(in_ledger($node, 'SELECT count(*) FROM block'), '>', 5, 'more than five blocks are sealed while sessions post');
	ok($run->{ok} && $run->{failed} == 0 && $run->{done} == 32 * 313, 'every random batch is answered without failure');
	is(in_ledger($node, "SELECT count(*) FROM journal WHERE reference LIKE 'move/%'"), 32 * 313 * 10,
		'every random request becomes one journal');
	judge('random journals of 32 sessions', 'RAND', 100000000);
};

subtest 'sessions that hold, capture, release and spend one balance keep it covered' => sub {
	in_ledger($node, <<'SQL');
-- a refusal is an answer; anything else is not
CREATE FUNCTION public.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	IF SQLSTATE NOT LIKE 'LG05_' THEN
		RAISE;
	END IF;
	RETURN SQLSTATE;
END $$;
CREATE TABLE public.attempted (what int, answer text);
CREATE FUNCTION public.act(what int, session int, i int, cents int) RETURNS text LANGUAGE sql AS $$
	INSERT INTO public.attempted VALUES ($1, public.attempt(CASE $1
		WHEN 1 THEN format('SELECT authorize_hold(''HOLD'', %L, %L, %L)', claim_of('HOLD', 1), usd(cents), format('h/%s/%s', session, i))
		WHEN 2 THEN format('SELECT take_hold((SELECT client_id FROM client WHERE code = ''HOLD''), %L, journal_entry(line(''Dr'', %L, %L), line(''Cr'', %L, %L)), %L, ''hold_capture'', %L, NULL, NULL, clock_timestamp())', format('h/%s/%s', session, i - 1),
			claim_of('HOLD', 1), usd(cents / 2 + 1), house_of('HOLD', 'Bank:omnibus'), usd(cents / 2 + 1), format('c/%s/%s', session, i), cents % 2 = 0)
		WHEN 3 THEN format('SELECT release_hold(''HOLD'', %L, %L)', format('h/%s/%s', session, i - 2), format('r/%s/%s', session, i))
		WHEN 0 THEN format('SELECT load_journal(client => ''HOLD'', reference => %L, entry => journal_entry(line(''Dr'', %L, ''30.00 USD''), line(''Cr'', %L, ''30.00 USD'')))', format('d/%s/%s', session, i),
			house_of('HOLD', 'Bank:omnibus'), claim_of('HOLD', 1))
		ELSE format('SELECT load_journal(client => ''HOLD'', reference => %L, entry => journal_entry(line(''Dr'', %L, %L), line(''Cr'', %L, %L)))', format('s/%s/%s', session, i),
			claim_of('HOLD', 1), usd(cents), house_of('HOLD', 'Bank:omnibus'), usd(cents))
	END))
	RETURNING answer
$$;
SQL
	my $run = bench($node, <<'SQL', {}, '-c', 40, '-j', 2, '-t', 50, '-D', 'i=0');
\set i :i + 1
\set cents random(1, 4000)
SELECT public.act(:i % 5, :client_id, :i, :cents);
SQL
	ok($run->{ok} && $run->{done} == 2000, 'every hold, capture, release and posting is answered');
	note(in_ledger($node, 'SELECT what, answer, count(*) FROM public.attempted GROUP BY 1, 2 ORDER BY 1, 2'));
	is(in_ledger($node, "SELECT count(DISTINCT what) FILTER (WHERE answer = 'done') || ' ' || bool_or(answer <> 'done') FROM public.attempted"), '5 true',
		'each kind of request succeeds at times and some are refused');
	is(in_ledger($node, "SELECT sign(posted + held) <= 0 AND sign(held) >= 0 FROM balance WHERE account = public.claim_of('HOLD', 1)"), 't',
		'holds never bind more than the balance');
	is(in_ledger($node, "SELECT value(b.held) = coalesce((SELECT sum(value(h.remaining)) FROM hold h WHERE h.account = b.account AND h.status = 'OPEN'), 0) FROM balance b WHERE account = public.claim_of('HOLD', 1)"),
		't', 'an account\'s held amount is the sum of its open holds');
	is(in_ledger($node, <<'SQL'), '', 'every amount bound by a hold is captured, released or remaining');
SELECT h.reference FROM hold h, LATERAL (SELECT sum(CASE WHEN event IN ('authorized', 'increased') THEN value(amount) ELSE -value(amount) END) AS left FROM event e WHERE e.client_id = h.client_id AND e.subject = 'hold' AND e.subject_key = h.hold_id::text) AS e
WHERE e.left <> value(h.remaining)
SQL
	is(in_ledger($node, <<'SQL'), '', 'each capture has a journal of the captured amount');
SELECT e.reference, e.amount FROM event e LEFT JOIN journal j ON j.client_id = e.client_id AND j.journal_id = e.journal_id
WHERE e.subject = 'hold' AND e.event = 'captured' AND (j.journal_id IS NULL OR value(amount_of(j.entry, public.claim_of('HOLD', 1))) <> value(e.amount))
SQL
	is(in_ledger($node, "SELECT sum(value(p.amount)) = value(b.posted) FROM posting p JOIN balance b USING (account) WHERE b.account = public.claim_of('HOLD', 1) GROUP BY b.posted"), 't',
		'a balance changed by holds and postings is the sum of its lines');
};

foreach my $level ([ 'repeatable read', 'RPTB' ], [ 'serializable', 'SRLZ' ])
{
	my ($isolation, $client) = @$level;
	subtest "random journals under $isolation lose no update" => sub {
		my $run = bench($node, <<"SQL", { PGOPTIONS => "-c default_transaction_isolation=" . ($isolation =~ s/ /\\ /r) }, '-c', 16, '-j', 2, '-t', 125, '--max-tries', 10000);
\\set a random(1, 60)
\\set b random(1, 60)
\\set c random(1, 60)
\\set x random(1, 999)
\\set y random(1, 999)
\\set n random(1, 1000000000000000)
BEGIN;
SELECT count(*) FROM load_journals(ARRAY[public.move('$client', :a, :b, :c, :x, :y, :n)]);
SELECT count(*) FROM load_journals(ARRAY[public.move('$client', :b, :a, :c, :x, :y, :n + 1)]);
COMMIT;
SQL
		ok($run->{ok} && $run->{failed} == 0, "every transaction under $isolation commits after retries");
		cmp_ok($run->{retried}, '>', 0, "conflicting transactions under $isolation are retried: $run->{retried}");
		is(in_ledger($node, "SELECT count(*) FROM journal JOIN client USING (client_id) WHERE code = '$client' AND reference LIKE 'move/%'"), 16 * 125 * 2,
			"every request under $isolation becomes one journal");
		judge("random journals under $isolation", $client, 100000000);
	};
}

# no deposit stands behind what was moved through the clearing account
verify_clean($node, 'after concurrent posting', 'funding');
in_ledger($node, 'SELECT seal()');
verify_clean($node, 'after sealing what was posted', 'funding');

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/deadlock detected|PANIC|TRAP|server process .* was terminated/,
	'the server log has no deadlock, panic or terminated process');
$node->stop;
done_testing();
