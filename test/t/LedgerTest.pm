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

our @EXPORT = qw(ledger_node in_ledger make_world bench bench_start verify_clean sqlstate_of sqlstates children_of);

our $database = 'ledger';

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
	$node->safe_psql('postgres', "ALTER DATABASE $database SET search_path = bakkt_ledger, public");
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
SELECT open_client('$client', funding_model => 'NET_SETTLEMENT');
SELECT open_customer('$client' || lpad(n::text, 8 - length('$client'), '0'), client => '$client') FROM generate_series(1, $customers) AS n;
CREATE TABLE IF NOT EXISTS public.claim (client text, n int, code text, account account_id, PRIMARY KEY (client, n));
INSERT INTO public.claim
	SELECT '$client', n, code, open_account('$client', 'FBO', 'Cust:' || code || ':settled', 'USD', code)
	FROM (SELECT n, '$client' || lpad(n::text, 8 - length('$client'), '0') AS code FROM generate_series(1, $customers) AS n) AS c;
CREATE TABLE IF NOT EXISTS public.house (client text, name text, account account_id, PRIMARY KEY (client, name));
INSERT INTO public.house
	SELECT '$client', name, open_account('$client', fund, name, 'USD')
	FROM (VALUES ('FBO', 'Bank:omnibus'), ('FBO', 'Clearing:ACH-in'), ('CORP', 'Bank:operating'), ('CORP', 'Equity')) AS h (fund, name);
SELECT post_journal('$client', 'opening-' || c.n,
		journal_entry(line('Dr', h.account, '$opening USD'), line('Cr', c.account, '$opening USD')), kind => 'opening')
	FROM public.claim c JOIN public.house h ON h.client = c.client AND h.name = 'Bank:omnibus'
	WHERE c.client = '$client' ORDER BY c.n;
GRANT SELECT ON public.claim, public.house TO PUBLIC;
SQL
	return;
}

# verify() must find nothing.
sub verify_clean
{
	my ($node, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(in_ledger($node, 'SELECT * FROM verify()'), '', "$name: verify() finds nothing");
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
