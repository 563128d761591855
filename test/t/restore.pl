# A plain pg_dump and its restore keep every byte; verify() is clean after it;
# posting goes on where it stopped.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = ledger_node('restore');
my $dir = PostgreSQL::Test::Utils::tempdir;

make_world($node, 'DUMP', 20, '1000.00');
make_world($node, 'OTHR', 5, '50.00');
in_ledger($node, <<'SQL');
CREATE FUNCTION public.pay(of_client text, reference text, a int, b int, amount amount) RETURNS journal_request LANGUAGE sql STABLE AS $$
	SELECT ROW(of_client, journal_entry(line('Dr', x.account, amount), line('Cr', y.account, amount)), reference, 'transfer', 'with a description', NULL, false)::journal_request
	FROM public.claim x, public.claim y WHERE x.client = $1 AND y.client = $1 AND x.n = a AND y.n = b
$$;
SELECT load_journals(ARRAY(SELECT public.pay('DUMP', 'a' || i, 1 + i % 20, 1 + (i * 7) % 20, '3.33 USD') FROM generate_series(1, 300) AS i));
SELECT seal();
SELECT load_journals(ARRAY(SELECT public.pay('OTHR', 'b' || i, 1 + i % 5, 1 + (i * 3) % 5, ((i % 7 * 15 + 1) || '.00 USD')::amount) FROM generate_series(1, 100) AS i));
SELECT post_entry(client_id, 'undo a7', 'reversal', reverse(entry), reverses => journal_id) FROM journal WHERE reference = 'a7';
SELECT seal();
SELECT load_journals(ARRAY(SELECT public.pay('DUMP', 'c' || i, 1 + i % 20, 1 + (i * 7) % 20, '1.11 USD') FROM generate_series(1, 50) AS i));
SQL

# something in every table there is
in_ledger($node, <<'SQL');
SELECT count(*) FROM run_due_jobs('2026-03-01 12:00Z');
INSERT INTO job_left_out VALUES ('settle_deposits', 'DUMP', '2026-03-01 12:00Z', 1, 1, '2026-03-01 12:00Z', '55P03', 'another session had it');
SELECT record_event('left_out', NULL::job_left_out, l, l.since) FROM job_left_out AS l;
SELECT change_job('seal', every => '2 minutes', at => '2026-03-01 13:00Z');
SELECT open_provider('LP1', 'First provider'), open_bank_account('OPS', 'OPERATING', 'First bank', 'USD', 'Bank:operating');
SELECT deposit_coin('DUMP0001', '0.5 BTC', 'coin');
SELECT count(*) FROM generate_series(1, 40) AS i, LATERAL post_trade('DUMP' || lpad((1 + i % 3)::text, 4, '0'), CASE i % 4 WHEN 3 THEN 'SELL' ELSE 'BUY' END, '0.01 BTC', 'LP1', 't' || i,
	provider_price => '60000.00 USD/BTC', markup_bps => 50, fee_bps => 10, fee_minimum => '1.00 USD', client_order_id => 'o' || i % 5, executed_at => '2026-03-08 12:00Z'::timestamptz + i * interval '10 minutes')
	AS t WHERE i % 3 < 2;
SELECT bust_trade('DUMP0002', 't1', 'bust');
SELECT correct_trade('DUMP0002', 'BUY', '0.02 BTC', 'LP1', 'fix', provider_price => '60001.00 USD/BTC', original => 't4');
SELECT close_window('DUMP', '2026-03-08'), close_window('DUMP', '2026-03-09');
SELECT advise_window('DUMP', '2026-03-08'), agree_window('DUMP', '2026-03-08'), dispute_window('DUMP', '2026-03-09', 'wait') FROM (SELECT advise_window('DUMP', '2026-03-09')) AS advised;
SELECT record_wire('DUMP', 'received', '10.00 USD', 'wire 1', closes_on => '2026-03-08');
SELECT settle_provider('DUMP', 'LP1', 'provider 1', '2026-03-08');
SELECT authorize_hold('DUMP', account, '5.00 USD', 'hold ' || n, expires_at => CASE WHEN n = 2 THEN now() + interval '1 day' END) FROM public.claim WHERE client = 'DUMP' AND n < 4;
SELECT release_hold('DUMP', 'hold 1', 'free 1'), increase_hold('DUMP', 'hold 3', '1.00 USD', 'more 3');
SELECT propose_journal('DUMP', journal_entry(line('Dr', h.account, '3.00 USD'), line('Cr', o.account, '3.00 USD')), reference => 'proposal', reason => 'BANK_FEE')
	FROM public.house h, public.house o WHERE h.client = 'DUMP' AND o.client = 'DUMP' AND h.name = 'Bank:operating' AND o.name = 'Equity';
SELECT freeze_account(account, 'debit', reason => 'court order') FROM public.claim WHERE client = 'OTHR' AND n = 5;
CREATE ROLE reading_for_dump;
SELECT grant_client_access('DUMP', 'reading_for_dump'), set_approval_limit('reading_for_dump', '100.00 USD');
SELECT retire_asset('YFI', reason => 'no longer traded'), register_asset('NEWC', 'COIN', 9);
SQL
make_cash($node, 'DUMP');
make_cash($node, 'OTHR');
is(in_ledger($node, <<'SQL'), '', 'every table has rows before the dump');
SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'bakkt_ledger'::regnamespace AND relkind = 'r'
	AND (xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM ' || c.oid::regclass, false, true, '')))[1]::text = '0'
SQL

# an id that was handed out and never used, below the horizon of a block
in_ledger($node, "BEGIN; SELECT load_journals(ARRAY[public.pay('DUMP', 'lost', 1, 2, '1.00 USD')]); ROLLBACK");
in_ledger($node, 'SELECT seal()');
in_ledger($node, "SELECT load_journals(ARRAY[public.pay('DUMP', 'tail', 1, 2, '1.00 USD')])");
checks_clean($node, 'before the dump');
cmp_ok(in_ledger($node, 'SELECT count(*) FROM rejection'), '>', 0, 'rejections are there to be dumped');

# Every member table and sequence, row by row; what a dropped role had is left out of a dump.
sub fingerprint
{
	my ($database) = @_;
	my %mark;
	my @relation = split /\n/, $node->safe_psql($database, <<'SQL');
SELECT c.oid::regclass::text || ' ' || c.relkind::text FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'bakkt_ledger') AND c.relkind IN ('r', 'p', 'S') ORDER BY 1
SQL
	foreach (@relation)
	{
		my ($name, $kind) = split / /;
		$mark{$name} = $node->safe_psql($database, $kind eq 'S'
			? "SELECT last_value, is_called FROM $name"
			: "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")), '') FROM $name AS t"
			. ($name eq 'client_access' ? ' WHERE role IN (SELECT oid FROM pg_roles)' : ''));
	}
	return \%mark;
}

# What is told of customers' cash.
sub reports
{
	my ($database) = @_;
	return [ map { $node->safe_psql($database, "SELECT $_ ORDER BY c.code, t::text COLLATE \"C\"") } @LedgerTest::cash_reports ];
}

# a dropped role's number is no access: it stays behind, or another role of that number in the next cluster would have it
in_ledger($node, "CREATE ROLE leaver; SELECT grant_client_access(code, 'leaver') FROM client; DROP ROLE leaver");
my $before = fingerprint($LedgerTest::database);
my $digest = in_ledger($node, 'SELECT * FROM block ORDER BY block_no DESC LIMIT 1');
my $trial = in_ledger($node, 'SELECT * FROM trial_balance() AS t ORDER BY t::text');
my $reports = reports($LedgerTest::database);
my $due = in_ledger($node, "SELECT * FROM due_jobs('2026-03-02 12:00Z')");
isnt($digest, '', 'a last block is there to be dumped');
isnt($trial, '', 'a trial balance is there to be compared');
is(scalar(grep { $_ eq '' } @$reports), 0, 'every cash report has rows before the dump');
is(in_ledger($node, "SELECT string_agg(DISTINCT event, ' ' ORDER BY event) FROM event WHERE subject = 'cash_call'"), 'busted failed recovered rejected sent settled written_off',
	'every event of a cash call (TPJ) is there to be dumped');

isnt(in_ledger($node, "SELECT * FROM verify() WHERE check_name = 'access'"), '', 'verify() lists the access of a dropped role');

foreach my $format ('plain', 'custom')
{
	my $copy = "copy_$format";
	my $file = "$dir/$format.dump";

	command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, "--format=$format", '-f', $file, $LedgerTest::database ],
		"pg_dump writes the ledger in $format format");
	$node->safe_psql('postgres', "CREATE DATABASE $copy");

	if ($format eq 'plain')
	{
		my ($out, $err);
		isnt($node->psql('postgres', "CREATE DATABASE unsaid") || $node->psql('unsaid', undef, extra_params => [ '-f', $file ], on_error_stop => 1, stderr => \$err), 0,
			'a restore without its setting is refused');
		like($err, qr/append-only|restoring|LG066/i, 'the refusal of a restore says what to do');
	}

	local $ENV{PGOPTIONS} = '-c bakkt_ledger.restoring=on';
	if ($format eq 'plain')
	{
		command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-o', '/dev/null', '-f', $file, $copy ],
			"psql restores a $format dump");
	}
	else
	{
		command_ok([ 'pg_restore', '--exit-on-error', '-h', $node->host, '-p', $node->port, '-d', $copy, $file ],
			"pg_restore restores a $format dump");
	}
	delete local $ENV{PGOPTIONS};
	$node->safe_psql('postgres', "ALTER DATABASE $copy SET search_path = bakkt_ledger_internal, bakkt_ledger, public");

	is_deeply(fingerprint($copy), $before, "a $format restore keeps every row of every table and every sequence");
	checks_clean($node, "restored from a $format dump", $copy);
	is($node->safe_psql($copy, 'SELECT * FROM verify_states()'), '', "after a $format restore every state is the fold of its events");
	is_deeply(reports($copy), $reports, "a $format restore gives the same cash reports, byte for byte");
	is($node->safe_psql($copy, 'SELECT * FROM block ORDER BY block_no DESC LIMIT 1'), $digest,
		"a $format restore keeps the last block");
	is($node->safe_psql($copy, 'SELECT * FROM trial_balance() AS t ORDER BY t::text'), $trial,
		"a $format restore keeps the trial balance");

	is($node->safe_psql($copy, "SELECT * FROM due_jobs('2026-03-02 12:00Z')"), $due,
		"a $format restore keeps the jobs that are due");

	# the ledger lives on: old references replay, new ones post, blocks follow
	is($node->safe_psql($copy, "SELECT string_agg(DISTINCT outcome || replayed, ' ') FROM load_journals(ARRAY(SELECT public.pay('DUMP', 'a' || i, 1 + i % 20, 1 + (i * 7) % 20, '3.33 USD') FROM generate_series(1, 300) AS i))"),
		'postedtrue', "a $format restore replays journals submitted again");
	is($node->safe_psql($copy, "SELECT count(*) FROM load_journals(ARRAY(SELECT public.pay('OTHR', 'b' || i, 1 + i % 5, 1 + (i * 3) % 5, ((i % 7 * 15 + 1) || '.00 USD')::amount) FROM generate_series(1, 100) AS i)) AS r LEFT JOIN rejection x ON x.reference = 'b' || r.request WHERE NOT replayed OR (outcome = 'refused') <> (x.reference IS NOT NULL)"),
		0, "a $format restore replays refusals submitted again");
	is($node->safe_psql($copy, "SELECT string_agg(DISTINCT outcome || replayed, ' ') FROM load_journals(ARRAY(SELECT public.pay('DUMP', 'd' || i, 1 + i % 20, 1 + (i * 7) % 20, '0.01 USD') FROM generate_series(1, 100) AS i))"),
		'postedfalse', "a $format restore posts new journals");
	is($node->safe_psql($copy, "SELECT min(journal_id) > (SELECT max(journal_id) FROM journal WHERE reference !~ '^d') FROM journal WHERE reference ~ '^d'"), 't',
		"a $format restore gives new journals higher ids");
	$node->safe_psql($copy, 'SELECT seal()');
	checks_clean($node, "restored from a $format dump, after the next block", $copy);
	is($node->safe_psql($copy, "SELECT (open_customer(client => 'DUMP', customer => 'AFTER001')).outcome = 'opened' AND (open_account('DUMP', 'FBO', 'Cust:AFTER001:settled', 'USD', 'AFTER001')).account IS NOT NULL"), 't',
		"a $format restore opens new customers and accounts");
}

# A restore of an edited dump: verify() finds the edited row, or the check of the chapter does.
my $plain = slurp_file("$dir/plain.dump");
foreach my $each (
	[ 'journal', qr/\ta7\t/, "\ta7x\t", 'verify' ],
	[ 'what was paid back', qr/\trecovered\t(.*)\t9\.00 USD/, sub { "\trecovered\t$1\t8.00 USD" }, 'check_cash_calls' ],
	[ 'deposit', qr/\tcash on its way\t(.*)\t9\.00 USD/, sub { "\tcash on its way\t$1\t7.00 USD" }, 'check_funding' ],
	[ 'transfer', qr/\tin transit\t(.*)\t4\.00 USD/, sub { "\tin transit\t$1\t3.00 USD" }, 'check_fbo' ])
{
	my ($what, $from, $to, $check) = @$each;
	my $lie = $plain;
	(my $copy = "lie $what") =~ tr/ /_/;

	ok(ref $to ? $lie =~ s/$from/$to->()/e : $lie =~ s/$from/$to/, "a plain dump is edited: $what");
	append_to_file("$dir/$copy.dump", $lie);
	$node->safe_psql('postgres', "CREATE DATABASE $copy");
	{
		local $ENV{PGOPTIONS} = '-c bakkt_ledger.restoring=on';
		command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-o', '/dev/null', '-f', "$dir/$copy.dump", $copy ],
			"an edited dump is restored: $what");
	}
	isnt($node->safe_psql($copy, "SELECT * FROM bakkt_ledger.$check()"), '',
		"$check() finds what was edited in a restored dump: $what");
}

$node->stop;
done_testing();
