# Autoanalyze, which works as superuser, gives nothing to the tenant whose index expression it computes (issue 7, must hold 2).
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $attack = "$FindBin::RealBin/../attack";
my $node = ledger_node('autoanalyze', bare => 1, conf => <<'CONF');
autovacuum_naptime = 1s
autovacuum_analyze_threshold = 5
autovacuum_analyze_scale_factor = 0
CONF

$node->safe_psql('ledger', slurp_file("$attack/world.psql"));
$node->safe_psql('ledger', <<"SQL");
\\i $attack/maintenance.psql
CREATE TABLE trap.watched (n int);
CREATE INDEX ON trap.watched (trap.spring(n));
BEGIN;
INSERT INTO trap.watched SELECT generate_series(1, 20);
INSERT INTO trap.armed DEFAULT VALUES;
COMMIT;
SQL

ok($node->poll_query_until('ledger', q{SELECT EXISTS (SELECT FROM trap.loot)}),
	'autoanalyze calls the function of a tenant\'s index');
is($node->safe_psql('ledger', q{SELECT DISTINCT actor FROM trap.loot}), 'attack_trapper',
	'autoanalyze calls the tenant\'s function with the rights of its owner');
is($node->safe_psql('ledger', q{SELECT DISTINCT l.statement, left(l.got, 100) FROM trap.loot l JOIN trap.attempt t USING (statement)
	WHERE t.aim = 'see' AND l.state = '00000' AND l.got IS NOT NULL}), '', 'autoanalyze shows the tenant\'s function no client');
is($node->safe_psql('ledger', q{SELECT DISTINCT l.statement, left(l.got, 100), l.state FROM trap.loot l JOIN trap.attempt t USING (statement)
	WHERE t.aim <> 'see' AND l.state <> '42501' AND NOT (l.statement ~ 'ZQX' AND l.state = 'LG012')}), '',
		'autoanalyze changes nothing for the tenant\'s function');
is($node->safe_psql('ledger', q{SELECT reference FROM bakkt_ledger_internal.journal WHERE reference ~ 'trap'}), '',
	'autoanalyze posts nothing for the tenant\'s function');
is($node->safe_psql('ledger', q{SELECT a.status FROM bakkt_ledger_internal.approval a JOIN bakkt_ledger_internal.proposal p ON a.subject = 'proposal' AND a.subject_key = p.proposal_id::text AND a.client_id = p.client_id
	WHERE p.reference = 'trap'}), 'PROPOSED',
	'autoanalyze does not approve the tenant\'s own proposal');
$node->stop;
done_testing();
