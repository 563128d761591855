# What the TAP tests share: a server with the extension, a small world of
# parties, and pgbench runs whose errors are judged.
package LedgerTest;

use strict;
use warnings;
use Exporter 'import';
use File::Temp ();
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(ledger_node in_ledger make_world make_cash bench bench_start verify_clean checks_clean sqlstate_of sqlstates children_of);

our $database = 'ledger';

# What is told of customers' cash: a replica or a restored copy says the same,
# byte for byte (as t, of all clients).
our @cash_reports = map { "t.* FROM client c, LATERAL $_ AS t" } (
	"cash_calls(c.code, at => '2026-03-10Z')", "deficits(c.code, '2026-03-10Z')", "buying_powers(c.code, at => '2026-03-10Z')", "aged_tpj(c.code, '2026-03-10Z')",
	"fbo_transfers(c.code)", "fbo_proof(c.code)", "cash_write_offs(c.code)", "apex_batches(c.code)", "apex_position(c.code, '2026-03-10Z')",
	"(SELECT f FROM aged_tpj_snapshot s, LATERAL aged_tpj_file(c.code, s.kind, s.business_date) f WHERE s.client_id = c.client_id)",
	"(SELECT x.customer_code, b.* FROM customer x, LATERAL cash_balance(x.customer_code, at => '2026-03-10Z') b WHERE x.client_id = c.client_id)");

# A started server with the extension in database "ledger".
sub ledger_node
{
	my ($name, %option) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%{ $option{init} // {} });
	$node->append_conf('postgresql.conf', <<"CONF");
max_connections = 250
shared_buffers = 64MB
log_error_verbosity = verbose
log_statement = none
restart_after_crash = on
CONF
	$node->append_conf('postgresql.conf', $option{conf}) if $option{conf};
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION bakkt_ledger') unless $option{bare};
	$node->safe_psql('postgres', "ALTER DATABASE $database SET search_path = bakkt_ledger_internal, bakkt_ledger, public");
	return $node;
}

# Run SQL in the ledger's database; the answer, or death.
sub in_ledger
{
	my ($node, $sql) = @_;
	return $node->safe_psql($database, $sql);
}

# Run SQL that must fail; its SQLSTATE, or 00000 when it did not fail.
sub sqlstate_of
{
	my ($node, $sql, %option) = @_;
	my ($out, $err) = ('', '');
	my $code = $node->psql($database, "\\set VERBOSITY sqlstate\n$sql",
		stdout => \$out, stderr => \$err, on_error_stop => 1, %option);

	return '00000' if $code == 0;
	return $1 if $err =~ /(?:ERROR|FATAL):\s+([0-9A-Z]{5})\s*$/m;
	return "none: $err";
}

# Run statements one after the other in one session, whatever becomes of each;
# their SQLSTATEs (00000: it passed).  The prefix runs before each, in the same
# transaction, which is rolled back.
sub sqlstates
{
	my ($node, $prefix, @statement) = @_;
	my ($out, $err) = ('', '');
	my $number = 0;
	my $script = join("\n", '\set VERBOSITY sqlstate', map { '\warn @' . $number++ . "\nBEGIN;\n$prefix;\n$_;\nROLLBACK;" } @statement);
	my @state = ('00000') x @statement;

	$node->psql($database, "$script\n", stdout => \$out, stderr => \$err, on_error_stop => 0);
	foreach my $line (split /\n/, $err)
	{
		$number = $1 if $line =~ /^@(\d+)$/;
		$state[$number] = $1 if $line =~ /(?:ERROR|FATAL):\s+([0-9A-Z]{5})\s*$/ && $1 ne '25P02';
	}
	return @state;
}

# One client, its customers with USD and BTC claims, the house accounts of
# both funds.  public.claim numbers the USD claims from 1.
sub make_world
{
	my ($node, $client, $customers, $opening) = @_;

	in_ledger($node, <<"SQL");
SELECT open_client('$client', funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z');
SELECT open_customer(client => '$client', customer => '$client' || lpad(n::text, 8 - length('$client'), '0')) FROM generate_series(1, $customers) AS n;
CREATE TABLE IF NOT EXISTS public.claim (client text, n int, code text, account account_id, PRIMARY KEY (client, n));
INSERT INTO public.claim
	SELECT '$client', n, code, (open_account('$client', 'FBO', 'Cust:' || code || ':settled', 'USD', code)).account
	FROM (SELECT n, '$client' || lpad(n::text, 8 - length('$client'), '0') AS code FROM generate_series(1, $customers) AS n) AS c;
CREATE TABLE IF NOT EXISTS public.house (client text, name text, account account_id, PRIMARY KEY (client, name));
INSERT INTO public.house
	SELECT '$client', name, (open_account('$client', fund, name, 'USD')).account
	FROM (VALUES ('FBO', 'Bank:omnibus'), ('FBO', 'Clearing:ACH-in'), ('CORP', 'Bank:operating'), ('CORP', 'Equity')) AS h (fund, name);
SELECT load_journal('$client',
		journal_entry(line('Dr', h.account, '$opening USD'), line('Cr', c.account, '$opening USD')), 'opening-' || c.n, kind => 'opening')
	FROM public.claim c JOIN public.house h ON h.client = c.client AND h.name = 'Bank:omnibus'
	WHERE c.client = '$client' ORDER BY c.n;
GRANT SELECT ON public.claim, public.house TO PUBLIC;
SQL
	return;
}

# A client's customers pay and are paid: deposits and withdrawals in every
# state, calls settled, waiting, written off and recovered, busted and through
# Apex, a deficit, transfers between the company and the FBO account, a list.
# With make_world() before it, every table of customers' cash has rows.
sub make_cash
{
	my ($node, $client) = @_;
	my $approver = lc "approver_of_$client";

	in_ledger($node, <<"SQL");
CREATE ROLE $approver IN ROLE bakkt_ledger_approver;
CREATE ROLE ${approver}_clerk IN ROLE bakkt_ledger_settler;
SELECT grant_client_access('$client', '$approver'), open_provider('LP$client', 'Provider'), change_cash_terms('$client', return_fee => '5.00 USD');
SELECT open_customer(client => '$client', customer => '$client' || n, funding_model => CASE n WHEN '0095' THEN 'APEX_TPJ' ELSE 'BAKKT_TPJ' END) FROM unnest('{0091,0092,0093,0094,0095}'::text[]) AS n;
SELECT post_trade('$client' || customer, side, quantity, 'LP$client', reference, provider_price => '60000.00 USD/BTC', executed_at => at) FROM (VALUES
	('long unpaid', '0091', 'BUY', '0.01 BTC'::amount, '2026-01-02 15:00Z'::timestamptz), ('by Apex', '0095', 'BUY', '0.01 BTC', '2026-01-02 15:00Z'),
	('by Apex too', '0095', 'BUY', '0.02 BTC', '2026-01-02 15:00Z'), ('paid', '0092', 'BUY', '0.01 BTC', '2026-02-02 15:00Z'), ('unpaid', '0093', 'BUY', '0.01 BTC', '2026-02-02 15:00Z'),
	('busted', '0094', 'BUY', '0.01 BTC', '2026-02-02 15:00Z'), ('sold', '0092', 'SELL', '0.002 BTC', '2026-02-03 15:00Z')) AS t (reference, customer, side, quantity, at);
SELECT initiate_deposit('$client' || customer, amount, reference, at => at) FROM (VALUES
	('0092', '900.00 USD'::amount, 'cash', '2026-01-20 15:00Z'::timestamptz), ('0094', '30.00 USD', 'cash returned', '2026-01-20 15:00Z'),
	('0091', '9.00 USD', 'cash on its way', '2026-02-20 15:00Z'), ('0091', '8.00 USD', 'never came', '2026-02-20 15:00Z')) AS d (customer, amount, reference, at);
SELECT credit_deposits('$client', '{cash,cash returned}', at => '2026-01-21 15:00Z'), cancel_deposit('$client', 'never came', at => '2026-02-20 16:00Z');
SELECT count(*) FROM settle_deposits('2026-02-01 15:00Z', '$client');
SELECT receive_wire('$client', '9.00 USD', 'wire', '${client}0091', at => '2026-03-03 11:00Z'), receive_wire('$client', '2.00 USD', 'whose wire', at => '2026-03-03 11:00Z');
SELECT count(*) FROM process_cash_calls('2026-02-03 16:00Z', '$client');
SELECT bust_trade('${client}0094', 'busted', 'not called');
SELECT request_withdrawal('${client}0092', '20.00 USD', 'out', at => '2026-02-04 15:00Z'), request_withdrawal('${client}0092', '10.00 USD', 'not out', at => '2026-02-04 15:00Z');
SELECT send_withdrawal('$client', 'out', at => '2026-02-04 16:00Z'), request_withdrawal('${client}0094', '30.00 USD', 'and away', at => '2026-02-04 15:00Z');
SELECT complete_withdrawal('$client', 'out', at => '2026-02-05 15:00Z'), reject_withdrawal('$client', 'not out', 'by hand', at => '2026-02-05 15:00Z');
SELECT send_withdrawal('$client', 'and away', at => '2026-02-04 16:00Z'), return_deposit('$client', 'cash returned', 'R01', at => '2026-02-06 15:00Z');
SELECT instruct_fbo_transfer('$client', '20.00 USD', 'float'), instruct_fbo_transfer('$client', '5.00 USD', 'refused'), instruct_fbo_transfer('$client', '4.00 USD', 'in transit');
SELECT confirm_fbo_transfer('$client', 'float', 'bank 1 of $client'), fail_fbo_transfer('$client', 'refused', 'limit');
SELECT open_apex_batch('$client', 'batch', '2026-01-02 16:00Z'), record_apex_wire('$client', 'sent', '1.00 USD', 'Apex', at => '2026-01-03 16:00Z');
SELECT record_apex_answers('$client', 'batch', ARRAY(SELECT (call, row_number() OVER (ORDER BY call) = 1, NULL, 'apex 1')::apex_answer FROM apex_batch_items('$client', 'batch')));
SET SESSION AUTHORIZATION ${approver}_clerk;
SELECT propose_cash_call_write_offs('2026-02-10 12:00Z', '$client');
SET SESSION AUTHORIZATION $approver;
SELECT approve_cash_call_write_off('$client', call, '2026-02-11 12:00Z') FROM cash_write_offs('$client') WHERE customer = '${client}0091';
RESET SESSION AUTHORIZATION;
SELECT charge_cash_call_write_offs('2026-03-02 12:00Z', '$client');
SELECT recover_cash_call('$client', call, 'recovery', '9.00 USD', at => '2026-03-03 12:00Z') FROM cash_write_offs('$client') WHERE customer = '${client}0091';
SELECT count(*) FROM take_aged_tpj('PM', '2026-03-04 01:30Z', '$client');
SQL
	return;
}

# Nor may any of the checks, of all clients.
sub checks_clean
{
	my ($node, $name, $database_of) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	foreach my $check ('verify', 'check_cash_calls', 'check_funding', 'check_fbo', 'check_aged_tpj', 'check_settlement')
	{
		is($node->safe_psql($database_of // $database, "SELECT * FROM $check()"), '', "$name: $check() finds nothing");
	}
	return;
}

# verify() must find nothing, but for a check that the test's own entries cannot satisfy.
sub verify_clean
{
	my ($node, $name, $except) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(in_ledger($node, 'SELECT * FROM verify()' . ($except ? " WHERE check_name <> '$except'" : '')), '', "$name: verify() finds nothing");
	return;
}

# The pgbench command for a script.
sub bench_command
{
	my ($node, $script, @argument) = @_;
	my $file = File::Temp->new(SUFFIX => '.sql');

	print $file $script;
	close $file;
	return ($file, [ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, @argument, '-f', $file->filename, $database ]);
}

# Run pgbench to its end: (exit ok, transactions, retried, failed, output).
sub bench
{
	my ($node, $script, $environment, @argument) = @_;
	my ($file, $command) = bench_command($node, $script, @argument);
	my ($out, $err) = ('', '');
	local %ENV = (%ENV, %$environment);

	my $ok = IPC::Run::run($command, '>', \$out, '2>', \$err);
	my ($done) = $out =~ /transactions actually processed: (\d+)/;
	my ($failed) = $out =~ /number of failed transactions: (\d+)/;
	my ($retried) = $out =~ /number of transactions retried: (\d+)/;
	diag($err) if !$ok || $err =~ /aborted|ERROR/;
	return { ok => $ok, done => $done // 0, failed => $failed // 0, retried => $retried // 0, out => $out, err => $err };
}

# Start pgbench and return the running harness.
sub bench_start
{
	my ($node, $script, @argument) = @_;
	my ($file, $command) = bench_command($node, $script, @argument);
	my $run = { file => $file, out => '', err => '' };

	$run->{harness} = IPC::Run::start($command, '>', \$run->{out}, '2>', \$run->{err});
	return $run;
}

# Process ids whose parent is the given one.
sub children_of
{
	my ($parent) = @_;
	my @child;

	foreach my $file (glob '/proc/[0-9]*/stat')
	{
		open(my $stat, '<', $file) or next;
		my $text = <$stat> // '';
		push @child, $1 if $text =~ /^(\d+) \(.*\) \S (\d+) / && $2 == $parent;
	}
	return @child;
}

1;
