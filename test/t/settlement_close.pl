# Windows that are closed while eight sessions post executions of any time, some of them slow to commit: every
# execution is in exactly one window, and every window ties.
use strict;
use warnings FATAL => 'all';
use File::Temp ();
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $days = 12;
my $node = PostgreSQL::Test::Cluster->new('settlement_close');
$node->init;
$node->append_conf('postgresql.conf', "max_connections = 50\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION bakkt_ledger;
	ALTER DATABASE postgres SET search_path = bakkt_ledger_internal, bakkt_ledger, public;
	SET search_path = bakkt_ledger_internal, bakkt_ledger, public;
	SELECT open_client(code, funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') FROM unnest('{NETA,NETB}'::text[]) AS code;
	SELECT open_customer(client => code, customer => code || to_char(n, 'FM0000')) FROM unnest('{NETA,NETB}'::text[]) AS code, generate_series(0, 10) AS n;
	SELECT open_provider('provider' || n, 'Provider ' || n) FROM generate_series(0, 2) AS n});

# executed any time of the twelve days; a third of the transactions stay open for a while
my $script = File::Temp->new;
print $script q{
\set n random(1, 1000000000000000)
\set second random(0, 1036799)
\set who random(0, 9)
\set pause random(0, 30)
BEGIN;
SELECT outcome FROM post_trade(reference => format('t%s-%s', :client_id, :n), customer => (ARRAY['NETA','NETB'])[1 + :n % 2] || to_char(:who, 'FM0000'), side => 'BUY', quantity => '0.001 BTC',
	provider => 'provider' || :n % 3, provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => timestamptz '2025-06-01 14:00Z' + :second * interval '1 second');
\if :pause < 10
\sleep :pause ms
\endif
COMMIT;
};
close($script);
my ($out, $err) = ('', '');
my $posters = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 8, '-j', 2, '-T', 8, '-h', $node->host, '-p', $node->port, '-f', $script->filename, 'postgres' ],
	'>', \$out, '2>', \$err);

# one execution is under way while the first windows are sealed, whatever the machine's speed; its customer is nobody else's
my ($slow_out, $slow_err) = ('', '');
my $slow = IPC::Run::start(
	[ 'psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c',
		q{SELECT outcome FROM post_trade('NETA0010', 'BUY', '0.001 BTC', 'provider0', 'slow', provider_price => '60000 USD/BTC', executed_at => '2025-06-01 15:00Z'); SELECT pg_sleep(6)} ],
	'>', \$slow_out, '2>', \$slow_err);
$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')})
  or die "the slow execution does not start: $slow_err";

# two sessions close the same windows at once, day after day
foreach my $day (1 .. $days)
{
	my $close = sprintf(q{SELECT count(*) FROM close_window('%%s', date '2025-06-01' + %d, timestamptz '2025-06-01 14:01Z' + %d * interval '1 day')}, $day, $day);
	my @closers = map { my $client = $_; my ($said, $wrong) = ('', '');
		[ IPC::Run::start([ 'psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c', sprintf($close, $client) ], '>', \$said, '2>', \$wrong), \$wrong ] }
	  ('NETA', 'NETA', 'NETB');
	foreach my $closer (@closers)
	{
		ok(IPC::Run::finish($closer->[0]),
			"a session closes the window of day $day while executions are posted") or diag ${ $closer->[1] };
	}
	select(undef, undef, undef, 0.4);
}
ok(IPC::Run::finish($posters), 'posting never fails while windows are closed') or diag "$out$err";
ok(IPC::Run::finish($slow), 'a slow execution commits although windows close before it') or diag $slow_err;
unlike($err, qr/error/i, 'posting reports no error while windows are closed');

# two more windows take the rest
$node->safe_psql('postgres', q{SELECT * FROM close_due_windows('2025-06-15 14:00Z')});
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT windows::text, ' ') FROM (SELECT count(*) AS windows FROM settlement_window GROUP BY client_id) AS w}),
	$days + 2, 'every client has a window for each closing day');
my $executions = $node->safe_psql('postgres', 'SELECT count(*) FROM journal WHERE terms IS NOT NULL');
cmp_ok($executions, '>', 500, 'more than 500 executions were posted while windows closed');
my $members = 'SELECT m.journal, m.late_from FROM settlement_window w JOIN client c USING (client_id), window_members(c.code, w.closes_on) AS m';
is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT journal) FROM ($members) AS m"), "$executions|$executions",
	'each execution is in exactly one window, late or not');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM ($members) AS m WHERE late_from IS NOT NULL"), '>', 50,
	'more than 50 executions are late members of their window');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM block WHERE pending <> '{}'}), '>', 0,
	'blocks were sealed while executions were under way');
is($node->safe_psql('postgres', 'SELECT * FROM check_settlement()'), '', 'every window\'s figures tie to its members');
is($node->safe_psql('postgres', 'SELECT z.* FROM (SELECT DISTINCT closes_on FROM settlement_window) AS w, zero_sum_check(w.closes_on) AS z WHERE NOT is_zero(z.difference)'), '',
	'the nets of every window sum to zero');
is($node->safe_psql('postgres', q{SELECT b.name FROM client c, balances(c.code) AS b WHERE b.name ~ '^(Client:settlement|LP:(coin-)?(payable|receivable)):' AND NOT is_zero(b.balance)}), '',
	'closing every window clears the clients\' and providers\' settlement accounts');

$node->stop;
done_testing();
