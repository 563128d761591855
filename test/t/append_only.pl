# Nobody edits the past: group roles, the owner, a superuser, a superuser in
# replica mode, COPY, MERGE.  A superuser who takes the locks off and edits is
# found by verify().

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use Test::More;

# A bit is flipped on disk further down: that is for verify() to find, not for page checksums.
my $node = ledger_node('append_only', bare => 1,
	init => `initdb --version` =~ / (\d+)/ && $1 >= 18 ? { extra => ['--no-data-checksums'] } : {});

# The extension belongs to a role that is a superuser only while it installs.
in_ledger($node, <<"SQL");
CREATE ROLE keeper SUPERUSER;
CREATE ROLE helper SUPERUSER;
SET ROLE keeper;
CREATE EXTENSION bakkt_ledger;
RESET ROLE;
ALTER ROLE keeper NOSUPERUSER;
SQL
make_world($node, 'EDIT', 5, '100.00');
in_ledger($node, <<'SQL');
SELECT load_journals(ARRAY(
	SELECT ROW('EDIT', journal_entry(line('Dr', x.account, '1.00 USD'), line('Cr', y.account, '1.00 USD')), 'pay' || i, 'transfer', 'pay', NULL, false)::journal_request
	FROM generate_series(1, 20) AS i, public.claim x, public.claim y WHERE x.n = 1 + i % 5 AND y.n = 1 + (i + 1) % 5));
SELECT load_journals(ARRAY(
	SELECT ROW('EDIT', journal_entry(line('Dr', x.account, '1000.00 USD'), line('Cr', y.account, '1000.00 USD')), 'too much' || i, 'transfer', NULL, NULL, false)::journal_request
	FROM generate_series(1, 2) AS i, public.claim x, public.claim y WHERE x.n = 1 AND y.n = 2));
SELECT authorize_hold('EDIT', account, '2.00 USD', 'hold') FROM public.claim WHERE n = 4;
SELECT instruct_fbo_transfer('EDIT', '2.00 USD', 'float');
SELECT seal();
SQL

my @closed = qw(journal journal_party rejection balance block block_balance);     # written by the posting function and the sealer only
my @kept = qw(event request);                                                     # rows are added, never changed
my @role = split /\n/, in_ledger($node, "SELECT rolname FROM pg_roles WHERE rolname ~ '^bakkt_ledger_' ORDER BY 1");
is(scalar @role, 9, "nine group roles attack the tables: @role");

my $state = sub { in_ledger($node, 'SELECT md5(string_agg(j::text, E\'\n\' ORDER BY j::text)) FROM (SELECT j::text FROM journal j UNION ALL SELECT b::text FROM balance b UNION ALL SELECT x::text FROM rejection x UNION ALL SELECT k::text FROM block k) AS t (j)') };
my $before = $state->();

sub column_of
{
	my ($table) = @_;
	return in_ledger($node, "SELECT attname FROM pg_attribute WHERE attrelid = 'bakkt_ledger_internal.$table'::regclass AND attnum > 0 ORDER BY attidentity, attnum LIMIT 1");
}

# Statements that would change what is there.  Every one must fail, also those
# that would touch no row.
sub changes
{
	my ($table) = @_;
	my $column = column_of($table);
	$table = "bakkt_ledger_internal.$table";
	return (
		"UPDATE $table SET $column = $column",
		"UPDATE $table SET $column = $column WHERE false",
		"DELETE FROM $table",
		"DELETE FROM $table WHERE false",
		"TRUNCATE $table CASCADE",
		"WITH gone AS (DELETE FROM $table RETURNING 1) SELECT count(*) FROM gone",
		"MERGE INTO $table AS t USING (SELECT 1) AS s ON t.$column IS NULL WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING",
		"LOCK TABLE $table; DELETE FROM $table",
		"ALTER TABLE $table ADD COLUMN more int; UPDATE $table SET more = 1");
}

# Statements that would add to it.
sub additions
{
	my ($table) = map { "bakkt_ledger_internal.$_" } @_;
	return (
		"INSERT INTO $table OVERRIDING SYSTEM VALUE SELECT * FROM $table LIMIT 1",
		"INSERT INTO $table OVERRIDING SYSTEM VALUE SELECT * FROM $table WHERE false",
		"INSERT INTO $table OVERRIDING SYSTEM VALUE SELECT * FROM $table LIMIT 1 ON CONFLICT DO NOTHING",
		"COPY $table FROM '/dev/null'",
		"COPY $table FROM PROGRAM 'true'");
}

sub all_are
{
	my ($name, $pattern, $prefix, @statement) = @_;
	my @state = sqlstates($node, $prefix, @statement);
	my @passed = grep { $state[$_] !~ $pattern } 0 .. $#statement;
	is(scalar @passed, 0, $name) or diag(map { "$state[$_]: $statement[$_]\n" } @passed);
}

foreach my $table (@closed, @kept)
{
	my @attack = changes($table);
	foreach my $role (@role)
	{
		all_are("$role neither changes nor adds rows of $table", qr/^42501$/, "SET LOCAL ROLE $role", @attack, additions($table));
	}
	push @attack, additions($table) if grep { $_ eq $table } @closed;
	all_are("the owner of the extension cannot edit $table", qr/^(LG066|42501)$/, 'SET LOCAL ROLE keeper', @attack);
	all_are("a superuser cannot edit $table while its triggers are on", qr/^LG066$/, 'SELECT', @attack);
	all_are("a superuser in replica mode cannot edit $table",
		qr/^LG066$/, 'SET LOCAL session_replication_role = replica', @attack);
	all_are("a superuser who is restoring cannot change rows of $table",
		qr/^LG066$/, 'SET LOCAL bakkt_ledger.restoring = on', changes($table));
}

# No group role has any right to write any table of the extension.
is(in_ledger($node, <<'SQL'), '', 'no group role may write any table or sequence');
SELECT r.rolname, c.relname, p FROM pg_roles r, pg_class c, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS p
WHERE r.rolname ~ '^bakkt_ledger_' AND c.relnamespace IN ('bakkt_ledger'::regnamespace, 'bakkt_ledger_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege(r.rolname, c.oid, p)
UNION ALL
SELECT r.rolname, c.relname, p FROM pg_roles r, pg_class c, unnest(ARRAY['USAGE', 'UPDATE']) AS p
WHERE r.rolname ~ '^bakkt_ledger_' AND c.relnamespace IN ('bakkt_ledger'::regnamespace, 'bakkt_ledger_internal'::regnamespace) AND c.relkind = 'S' AND has_sequence_privilege(r.rolname, c.oid, p)
SQL

# Ways around the triggers: the setting for restores, and definer functions
# (Before the library is loaded anybody can write the setting down; it must not count.)
foreach my $role (@role, 'keeper')
{
	all_are("$role can set neither replica mode nor a restore for later sessions",
		qr/^42501$/, "SET LOCAL ROLE $role", 'SET session_replication_role = replica',
		"ALTER ROLE $role SET bakkt_ledger.restoring = on", "ALTER DATABASE $LedgerTest::database SET bakkt_ledger.restoring = on");
	foreach my $load ('', "SELECT '1.00 USD'::amount; ")
	{
		foreach my $set ('SET bakkt_ledger.restoring = on', "SELECT set_config('bakkt_ledger.restoring', 'on', false)")
		{
			like(sqlstate_of($node, "SET ROLE $role; $load$set; INSERT INTO journal SELECT * FROM journal LIMIT 1"), qr/^(42501|LG066)$/, "$role cannot insert by \"$load$set\"");
		}
	}
}
foreach my $role (@role)
{
	all_are("$role cannot take triggers, row security or the extension away",
		qr/^42501$/, "SET LOCAL ROLE $role", 'ALTER TABLE bakkt_ledger_internal.journal DISABLE TRIGGER ALL', 'DROP TRIGGER refuse_write ON bakkt_ledger_internal.journal',
		'ALTER TABLE bakkt_ledger_internal.journal DISABLE ROW LEVEL SECURITY', 'DROP EXTENSION bakkt_ledger CASCADE', 'ALTER FUNCTION bakkt_ledger_internal.refuse_write() OWNER TO CURRENT_USER',
		'CREATE TRIGGER mine AFTER INSERT ON bakkt_ledger_internal.journal FOR EACH ROW EXECUTE FUNCTION bakkt_ledger_internal.refuse_write()', 'CREATE TABLE bakkt_ledger.mine (a int)');
}

# No group role may call an internal function.
my @internal = split /\n/, in_ledger($node, <<'SQL');
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'bakkt_ledger_internal'::regnamespace
	AND proname IN ('post_entry', 'create_balance', 'set_balance_status', 'adjust_held', 'ensure_account', 'invalidate_account_cache') ORDER BY 1
SQL
foreach my $function (@internal)
{
	foreach my $role (@role)
	{
		is(in_ledger($node, "SELECT has_function_privilege('$role', '$function', 'EXECUTE')"), 'f', "$role may not call $function");
	}
}
is($state->(), $before, 'refused edits leave journals, balances, rejections and blocks as they were');
verify_clean($node, 'after the attacks');

# A superuser takes the triggers off and edits.  Each edit is made in a copy.
my $number = 0;
sub found
{
	my ($name, $sql, $like, $expected) = @_;
	my $copy = 'edited' . ++$number;

	$node->safe_psql('postgres', "CREATE DATABASE $copy TEMPLATE $LedgerTest::database");
	$node->safe_psql('postgres', "ALTER DATABASE $copy SET search_path = bakkt_ledger_internal, bakkt_ledger, public");
	$node->safe_psql($copy, join(";\n", (map { "ALTER TABLE $_ DISABLE TRIGGER ALL" } @closed, @kept, 'hold'), $sql, (map { "ALTER TABLE $_ ENABLE ALWAYS TRIGGER refuse_write" } @closed)));
	my $found = $node->safe_psql($copy, 'SELECT * FROM verify(' . (defined $expected ? "expected => '$expected'" : '') . ')');
	like($found, $like // qr/./, "verify() finds $name");
	$node->safe_psql('postgres', "DROP DATABASE $copy");
	return $found;
}

my $victim = in_ledger($node, "SELECT journal_id FROM journal WHERE reference = 'pay7'");
my $line_changed = "UPDATE journal SET entry = journal_entry(line('Dr', (SELECT account FROM public.claim WHERE n = 1), '1.00 USD'), line('Cr', (SELECT account FROM public.claim WHERE n = 2), '1.00 USD')) WHERE reference = 'pay7'";
found('a changed entry', $line_changed, qr/\b$victim\b/);
found('a changed amount',
	"UPDATE journal SET entry = replace(entry::text, '1.00', '2.00')::journal_entry WHERE reference = 'pay7'", qr/\b$victim\b/);
found('a changed reference', "UPDATE journal SET reference = 'pay7x' WHERE reference = 'pay7'", qr/\b$victim\b/);
found('a changed description', "UPDATE journal SET description = 'Pay' WHERE reference = 'pay7'", qr/\b$victim\b/);
found('a removed description', "UPDATE journal SET description = NULL WHERE reference = 'pay7'", qr/\b$victim\b/);
found('a changed effective time',
	"UPDATE journal SET effective_at = effective_at - interval '1 microsecond' WHERE reference = 'pay7'", qr/\b$victim\b/);
found('a changed recorded time',
	"UPDATE journal SET recorded_at = recorded_at - interval '1 microsecond' WHERE reference = 'pay7'", qr/\b$victim\b/);
found('a changed kind of journal', "UPDATE journal SET kind = 14 WHERE reference = 'pay7'", qr/\b$victim\b/);
found('a changed actor of a journal',
	"INSERT INTO actor (role_name) VALUES ('somebody else'); UPDATE journal SET actor_id = (SELECT actor_id FROM actor WHERE role_name = 'somebody else') WHERE reference = 'pay7'", qr/\b$victim\b/);
found('a renamed actor', "UPDATE actor SET role_name = 'somebody else'");
found('a changed hold', "UPDATE hold SET remaining = '1.00 USD'");
found('a deleted hold', 'DELETE FROM hold', qr/hold/);
found('a deleted hold with all that tells of it', "DELETE FROM event WHERE subject = 'hold'; DELETE FROM request WHERE scope = 'hold'; DELETE FROM hold; UPDATE balance SET held = zero(asset(held))", qr/event missing/);
found('a changed reason of an event', "UPDATE event SET reason = 'another' WHERE subject = 'hold'", qr/event changed/);
found('a changed refusal', "UPDATE rejection SET sqlstate = 'LG051' WHERE reference = 'too much1'", qr/refusal changed/);
found('a deleted refusal', "DELETE FROM rejection WHERE reference = 'too much1'", qr/refusal missing/);
found('a changed customer of a journal',
	"UPDATE journal SET customer_id = (SELECT max(customer_id) FROM customer) WHERE customer_id = (SELECT min(customer_id) FROM customer)");
found('a journal made the reversal of another',
	"UPDATE journal SET reverses = (SELECT min(journal_id) FROM journal) WHERE reference = 'pay7'", qr/\b$victim\b/);
found('a changed id of a journal', "UPDATE journal SET journal_id = journal_id + 100000 WHERE reference = 'pay7'");
found('a deleted journal', "DELETE FROM journal WHERE reference = 'pay7'");
found('a deleted party of a journal', 'DELETE FROM journal_party WHERE ctid = (SELECT min(ctid) FROM journal_party)');
found('a changed balance',
	"UPDATE balance SET posted = '-0.01 USD' WHERE account = (SELECT account FROM public.claim WHERE n = 3)");
found('a changed held amount',
	"UPDATE balance SET held = '1.00 USD' WHERE account = (SELECT account FROM public.claim WHERE n = 3)");
found('a deleted balance', 'DELETE FROM balance WHERE account = (SELECT account FROM public.claim WHERE n = 3)');
found('two swapped balances',
	'UPDATE balance b SET posted = (SELECT posted FROM balance o WHERE o.account = (SELECT account FROM public.claim c WHERE c.n = CASE WHEN b.account = (SELECT account FROM public.claim WHERE n = 1) THEN 2 ELSE 1 END)) WHERE account IN (SELECT account FROM public.claim WHERE n IN (1, 2)); UPDATE balance SET posted = \'-50.00 USD\' WHERE account = (SELECT account FROM public.claim WHERE n = 1)');
found('a deleted block', 'DELETE FROM block_balance; DELETE FROM block WHERE block_no = (SELECT min(block_no) FROM block)') if in_ledger($node, 'SELECT count(*) > 1 FROM block') eq 't';
found('a changed house balance in a block',
	"UPDATE block_balance SET balance = '1.00 USD' WHERE ctid = (SELECT min(ctid) FROM block_balance)");
found('a missing house balance in a block', 'DELETE FROM block_balance WHERE ctid = (SELECT min(ctid) FROM block_balance)');
found('a journal smuggled in below the last block', "INSERT INTO journal SELECT client_id, actor_id, journal_id - 1000000, recorded_at, effective_at, customer_id, reverses, kind, 'smuggled', entry, terms, description FROM journal WHERE reference = 'pay7'");

# What no chain inside the database can show, a digest kept elsewhere does.
my $digest = in_ledger($node, 'SELECT digest()');
my $cut = "DELETE FROM block_balance WHERE block_no = (SELECT max(block_no) FROM block); DELETE FROM block WHERE block_no = (SELECT max(block_no) FROM block)";
my $forget = "DELETE FROM journal_party WHERE journal_id = $victim; DELETE FROM journal WHERE journal_id = $victim; UPDATE balance b SET version = n, posted = total, last_recorded_at = last FROM (SELECT l.account, count(DISTINCT j.journal_id) AS n, sum(l.amount) AS total, max(j.recorded_at) AS last FROM journal j, lines(j.entry) AS l GROUP BY 1) AS t WHERE t.account = b.account";
is(in_ledger($node, "SELECT * FROM verify(expected => '$digest')"), '', 'an unchanged ledger verifies against its digest');
found('a removed last block by the digest kept elsewhere', $cut, qr/digest/, $digest);
found('a deleted journal under new blocks by the digest kept elsewhere',
	"DELETE FROM block_balance; DELETE FROM block; $forget; SET bakkt_ledger.restoring = on; SELECT seal()", qr/digest/, $digest);

# One bit on disk, below triggers and rights: the amount of a line of pay7.
my $file = $node->data_dir . '/' . in_ledger($node, "SELECT pg_relation_filepath('journal')");
in_ledger($node, 'CHECKPOINT');
$node->stop;
{
	my $heap = PostgreSQL::Test::Utils::slurp_file($file);
	my $reference = chr((length('pay7') + 1) * 2 + 1) . 'pay7';
	my $at = index($heap, $reference);
	cmp_ok($at, '>', 0, 'the journal to tamper with is found on disk');
	my $entry = $at + length($reference);
	my $length = ord(substr($heap, $entry, 1)) >> 1;        # a short header: length with itself
	open(my $disk, '+<:raw', $file) or die;
	seek($disk, $entry + $length - 1, 0);
	print $disk chr(ord(substr($heap, $entry + $length - 1, 1)) ^ 2);
	close $disk;
}
$node->start;
like(in_ledger($node, 'SELECT * FROM verify()'), qr/\b$victim\b/, 'verify() names the journal of a bit flipped on disk');

$node->stop;
done_testing();
