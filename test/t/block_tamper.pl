# Bytes of a posting changed in the files of a stopped server are found, by block, journal and line; journals of
# transactions that were under way, prepared ones too, come into a later block; verify() runs on a standby.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
# page checksums, on by default from 18, would find the flipped bytes before we do
$node->init(allows_streaming => 1, extra => $node->pg_version >= 18 ? ['--no-data-checksums'] : []);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nfull_page_writes = on\nautovacuum = off");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE ledger');
$node->safe_psql('postgres', 'ALTER DATABASE ledger SET search_path = bakkt_ledger_internal, bakkt_ledger, public');

sub ledger { return $node->safe_psql('ledger', $_[0]) }

ledger(<<'SQL');
CREATE EXTENSION bakkt_ledger;
SELECT open_client('AAAA', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000);
SELECT open_customer(client => 'AAAA', customer => 'AAAA000' || n) FROM generate_series(1, 3) n;
CREATE TABLE bank AS SELECT (open_account('AAAA', 'FBO', 'Bank:omnibus', 'USD')).account AS account;
CREATE TABLE claim AS SELECT n, (open_account('AAAA', 'FBO', 'Cust:AAAA000' || n || ':settled', 'USD')).account AS account FROM generate_series(1, 3) n;
CREATE FUNCTION deposit(reference text, n int, amount amount) RETURNS text LANGUAGE sql AS $$
	SELECT (load_journal('AAAA', journal_entry(line('Dr', b.account, amount), line('Cr', c.account, amount)), reference, 'cash_deposit')).journal::text
	FROM bank b, claim c WHERE c.n = $2 $$;
SQL
ledger("SELECT deposit('first', 1, '100.00 USD')");

# what came with the extension is in the first block; the numbers of the others follow on its last
is(ledger('SELECT seal()'), '1', 'a block is sealed');
my $n = ledger('SELECT high FROM block');

sub numbers { return '{' . join(',', map { sprintf('[%d,%d)', $n + $_->[0], $n + $_->[1]) } @_) . '}' }

# a prepared transaction holds a number that blocks must wait for, across several of them
ledger("BEGIN; SELECT deposit('prepared', 2, '20.00 USD'); PREPARE TRANSACTION 'late'");
ledger("BEGIN; SELECT deposit('doomed', 3, '30.00 USD'); PREPARE TRANSACTION 'never'");
ledger("SELECT deposit('second', 1, '1.00 USD')");
is(ledger('SELECT seal()'), '2', 'a block is sealed while transactions are under way');
is(ledger('SELECT records, pending FROM block WHERE block_no = 2'), '1|' . numbers([1, 3]),
	'a block lists the numbers of transactions under way as pending');
ledger("BEGIN; SELECT deposit('rolled back', 1, '1.00 USD'); ROLLBACK");
ledger("SELECT deposit('third', 1, '1.00 USD')");
ledger('SELECT seal()');
is(ledger('SELECT records, pending, absent FROM block WHERE block_no = 3'), '1|' . numbers([1, 3], [4, 5]) . '|' . numbers([1, 3], [4, 5]),
	'numbers of prepared transactions stay pending in the next block');
is(ledger('SELECT * FROM verify()'), '', 'verify() accepts blocks with pending transactions');
ledger("COMMIT PREPARED 'late'");
ledger("ROLLBACK PREPARED 'never'");
is(ledger('SELECT balance FROM balance_of((SELECT account FROM bank))'), '122.00 USD',
	'a house balance includes a late journal before it is sealed');
is(ledger('SELECT seal()'), '4', 'a late journal is sealed into the next block');
is(ledger('SELECT records, pending, absent FROM block WHERE block_no = 4'), '1|{}|' . numbers([2, 3], [4, 5]),
	'a block takes in a late journal and waits no longer for numbers that were rolled back');
is(ledger('SELECT balance FROM balance_of((SELECT account FROM bank))'), '122.00 USD',
	'a house balance is unchanged by the sealing of a late journal');
is(ledger('SELECT seal()'), '4', 'sealing without new records makes no block');
is(ledger('SELECT * FROM verify()'), '', 'verify() accepts a late journal in a later block');

# an entry of which every line can be told apart on disk
ledger(<<'SQL');
SELECT load_journal('AAAA', journal_entry(line('Dr', a.account, '77.77 USD'), line('Cr', b.account, '50.05 USD'), line('Cr', c.account, '27.72 USD')), 'victim', 'transfer')
FROM claim a, claim b, claim c WHERE a.n = 1 AND b.n = 2 AND c.n = 3;
SELECT seal();
SQL
my $digest = ledger('SELECT digest()');
my ($victim, $hex) = split /\|/, ledger("SELECT journal_id, encode(entry::bytea, 'hex') FROM journal WHERE reference = 'victim'");

my $standby = PostgreSQL::Test::Cluster->new('standby');
$node->backup('copy');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is($standby->safe_psql('ledger', "SELECT * FROM verify(expected => '$digest')"), '', 'verify() on a standby finds nothing');
isnt($standby->psql('ledger', 'SELECT seal()'), 0, 'sealing a block on a standby is refused');
$standby->stop;

# the file of the journal, and where the entry is in it
ledger('CHECKPOINT');
my $file = $node->data_dir . '/' . ledger("SELECT pg_relation_filepath('journal')");
my $entry = pack('H*', $hex);

sub flip
{
	my ($offset, $mask) = @_;
	my $bytes = slurp_file($file);
	my $at = index($bytes, $entry);

	die 'entry not found in the file' if $at < 0;
	substr($bytes, $at + $offset, 1) = chr(ord(substr($bytes, $at + $offset, 1)) ^ $mask);
	open(my $out, '>:raw', $file) or die $!;
	print $out $bytes;
	close($out);
	return;
}

# where each line's amount begins: after version, one asset and two counts, then key and amount
my $offset = 1 + 1 + 8 + 1;
my @amount_at;
foreach my $line (1 .. 3)
{
	foreach my $part ('key', 'amount')
	{
		push @amount_at, $offset if $part eq 'amount';
		$offset++ while ord(substr($entry, $offset, 1)) & 0x80;
		$offset++;
	}
}
is($offset, length($entry), 'an entry\'s bytes are laid out as documented');

foreach my $line (1 .. 3)
{
	$node->stop;
	my $whole = slurp_file($file);
	flip($amount_at[ $line - 1 ], 0x04);
	$node->start;
	my $found = ledger("SELECT check_name, block_no, record_id, line, account = (SELECT account FROM claim WHERE n = $line) FROM verify() WHERE record_id IS NOT NULL");
	is($found, "journal changed|5|$victim|$line|t",
		"verify() names block, journal and line when a bit of line $line is flipped on disk");
	like(ledger('SELECT detail FROM verify() WHERE record_id IS NOT NULL'), qr/does not balance/,
		"verify() says that an entry changed in line $line does not balance");
	$node->stop;
	open(my $out, '>:raw', $file) or die $!;
	print $out $whole;
	close($out);
	$node->start;
	is(ledger('SELECT * FROM verify()'), '', "verify() finds nothing once line $line is put back");
}

# a byte that makes the entry unreadable: still a row, not an error
$node->stop;
flip(0, 0x40);
$node->start;
is(ledger('SELECT check_name, block_no, record_id, detail FROM verify() WHERE record_id IS NOT NULL'), "journal changed|5|$victim|Entry: malformed.",
	'verify() reports an unreadable entry as malformed instead of failing');

$node->stop;
done_testing();
