# Where the extension may be installed: it makes its own schema, in a database of encoding UTF8.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = ledger_node('install', bare => 1);

# what CREATE EXTENSION says in a database: its error text, or ''
sub install
{
	my ($database) = @_;
	my ($out, $err) = ('', '');

	$node->psql($database, "\\set VERBOSITY verbose\nCREATE EXTENSION bakkt_ledger;", stdout => \$out, stderr => \$err);
	return $err;
}

# a schema of that name that somebody else owns: at the next call its owner would have been superuser
$node->safe_psql('postgres', 'CREATE ROLE tenant LOGIN; CREATE DATABASE trapped');
$node->safe_psql('trapped', <<'SQL');
CREATE SCHEMA bakkt_ledger AUTHORIZATION tenant;
SET ROLE tenant;
CREATE FUNCTION bakkt_ledger.format(text, text) RETURNS text LANGUAGE sql AS $$SELECT 'the tenant''s'$$;
SQL
like(install('trapped'), qr/ERROR:  42P06: schema "bakkt_ledger" already exists/, 'a schema bakkt_ledger that exists stops the installation');
is($node->safe_psql('trapped', "SELECT count(*) FROM pg_extension WHERE extname = 'bakkt_ledger'"), 0,
	'an installation that is stopped leaves no extension');
is($node->safe_psql('trapped', "SELECT count(*) FROM pg_class WHERE relnamespace = 'bakkt_ledger'::regnamespace"), 0,
	'an installation that is stopped leaves no table in the schema');

# other encodings: one odd byte made seal() fail for ever
foreach my $encoding ('LATIN1', 'SQL_ASCII')
{
	my $database = lc $encoding;

	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	my $error = install($database);
	like($error, qr/ERROR:  22023: .*"$encoding"/, "a database of encoding $encoding is refused");
	like($error, qr/HINT:  .*initdb --encoding=UTF8/, "the hint for encoding $encoding says how to make a cluster of UTF8");
}

# the schemas belong to the extension: they come and go with it, and dumps leave them to CREATE EXTENSION
is(install($LedgerTest::database), '', 'the extension installs in a database of encoding UTF8');
is(in_ledger($node, <<'SQL'), "e\ne", 'both schemas are members of the extension');
SELECT deptype FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND objid IN ('bakkt_ledger'::regnamespace, 'bakkt_ledger_internal'::regnamespace) AND refclassid = 'pg_extension'::regclass
SQL
my ($dump) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '--schema-only', $LedgerTest::database ]);
like($dump, qr/CREATE EXTENSION IF NOT EXISTS bakkt_ledger WITH SCHEMA pg_catalog;/, 'a dump creates the extension');
unlike($dump, qr/CREATE SCHEMA bakkt_ledger/, 'a dump leaves the schemas to CREATE EXTENSION');
is(in_ledger($node, <<'SQL'), '', 'nothing of the extension stands outside its schemas');
SELECT i.identity FROM pg_depend d, pg_identify_object(d.classid, d.objid, 0) i
 WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'bakkt_ledger')
   AND i.schema NOT IN ('bakkt_ledger', 'bakkt_ledger_internal')
SQL
in_ledger($node, 'SELECT open_client($$ONE$$); DROP EXTENSION bakkt_ledger');
is(in_ledger($node, "SELECT coalesce(to_regnamespace('bakkt_ledger'), to_regnamespace('bakkt_ledger_internal')) IS NULL"), 't', 'both schemas are dropped with the extension');
is(install($LedgerTest::database), '', 'the extension can be installed again after it was dropped');

done_testing();
