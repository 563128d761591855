# pg_cron calls the jobs by itself once schedule_jobs() has told it to, and no
# more after unschedule_jobs().  Its shortest schedule is a minute before
# version 1.5: so long does this test take.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $share = $ENV{PG_CONFIG} ? `$ENV{PG_CONFIG} --sharedir` : `pg_config --sharedir`;
chomp $share;
plan skip_all => 'pg_cron is not installed: this Debian release has no package of it for this server' unless -e "$share/extension/pg_cron.control";

my $node = ledger_node('pg_cron', conf => <<'CONF');
shared_preload_libraries = 'pg_cron'
cron.database_name = 'ledger'
cron.use_background_workers = on
CONF

is(sqlstate_of($node, 'SELECT schedule_jobs()'), '0A000', 'scheduling is refused when pg_cron is preloaded but not created');
in_ledger($node, <<'SQL');
CREATE EXTENSION pg_cron;
CREATE ROLE clerk LOGIN IN ROLE bakkt_ledger_settler;
CREATE ROLE idle LOGIN IN ROLE bakkt_ledger_poster;
CREATE ROLE ann LOGIN IN ROLE bakkt_ledger_administrator;
SQL
is(sqlstate_of($node, "SET ROLE ann; SELECT schedule_jobs(run_by => 'idle')"), '42501',
	'scheduling jobs for a role that may not run them is refused');
is(sqlstate_of($node, "SET ROLE ann; SELECT schedule_jobs(run_by => 'bakkt_ledger_settler')"), '42501',
	'scheduling jobs for a role that cannot log in is refused');
is(sqlstate_of($node, "SET ROLE ann; SELECT schedule_jobs(run_by => 'nobody of this name')"), '42501',
	'scheduling jobs for a role that does not exist is refused');
isnt(sqlstate_of($node, "SET ROLE ann; SELECT schedule_jobs('every now and then', 'clerk')"), '00000',
	'a schedule that pg_cron cannot parse is refused');

my $seconds = in_ledger($node, "SELECT string_to_array(regexp_replace(extversion, '[^0-9.].*', ''), '.')::int[] >= '{1,5}' FROM pg_extension WHERE extname = 'pg_cron'") eq 't';
is(in_ledger($node, "SET ROLE ann; SELECT outcome, replayed, cron_job > 0 FROM schedule_jobs('0 0 1 1 *', 'clerk')"), 'scheduled|f|t',
	'scheduling the jobs answers with the number that pg_cron gave the call');
in_ledger($node, 'SET ROLE ann; SELECT schedule_jobs(' . ($seconds ? "'1 seconds'" : "'* * * * *'") . ", 'clerk')");
is(in_ledger($node, 'SELECT jobname, database, username, active FROM cron.job'), 'bakkt_ledger|ledger|clerk|t',
	'scheduling the jobs again replaces the schedule before');
is(in_ledger($node, "SELECT string_agg(e.changed ->> 'username', ' ' ORDER BY e.event_id) FROM event e JOIN actor a USING (actor_id) WHERE e.subject = 'cron_call' AND e.event = 'scheduled' AND a.role_name = 'ann'"), 'clerk clerk',
	'each scheduling is recorded with the administrator who did it');

$PostgreSQL::Test::Utils::timeout_default = 90;
ok($node->poll_query_until($LedgerTest::database, 'SELECT count(*) >= 3 FROM job_run'),
	'pg_cron runs the scheduled jobs by itself');
is(in_ledger($node, "SELECT string_agg(DISTINCT run_by || ' ' || status, ', ') FROM job_run"), 'clerk DONE',
	'runs started by pg_cron are recorded under the scheduled role');
ok($node->poll_query_until($LedgerTest::database, "SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded'"),
	'pg_cron records its own calls as succeeded');
like(in_ledger($node, 'SELECT command FROM cron.job'), qr/^SET lock_timeout = '1min'; SELECT /,
	'the scheduled command bounds its wait for locks to a minute');
is(in_ledger($node, "SELECT return_message FROM cron.job_run_details WHERE status = 'failed'"), '',
	'pg_cron records no failed call');

is(in_ledger($node, 'SET ROLE ann; SELECT (unschedule_jobs()).outcome, (unschedule_jobs()).outcome'), 'removed|unchanged',
	'unscheduling removes the schedule once');
is(in_ledger($node, 'SELECT count(*) FROM cron.job'), 0, 'pg_cron has no job after unscheduling');

$node->stop;
done_testing();
