# COPY BINARY with tampered bytes: an entry comes in only in its canonical form, and only balanced (I1).
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('tamper');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION bakkt_ledger');

my $entry = '{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD; Dr CUST:3 0.50 BTC; Cr CUST:4 0.50 BTC}';
my $file = $node->basedir . '/entries';
$node->safe_psql('postgres', qq{
	CREATE TABLE stored (entry bakkt_ledger.journal_entry);
	INSERT INTO stored VALUES ('$entry');
	COPY stored TO '$file' (FORMAT binary);
	TRUNCATE stored});
my $good = slurp_file($file);

# Load changed bytes; the error's SQLSTATE, or the entry that came in.
sub load
{
	my ($bytes) = @_;
	open(my $out, '>:raw', $file) or die $!;
	print $out $bytes;
	close($out);
	my ($status, $stdout, $stderr) = $node->psql('postgres', qq{
		\\set VERBOSITY sqlstate
		TRUNCATE stored;
		COPY stored FROM '$file' (FORMAT binary);
		SELECT entry FROM stored});
	return $stdout if $status == 0 && $stderr eq '';
	return $1 if $stderr =~ /ERROR:  (\w{5})/;
	die $stderr;
}

is(load($good), $entry, 'an entry in binary form is read back unchanged');

# header 19 bytes, tuple field count 2, field length 4; then the entry, then the trailer of 2
my ($start, $length) = (25, length($good) - 27);
is(unpack('N', substr($good, 21, 4)), $length, 'the entry\'s length stands before its bytes');

# the last bytes of the entry are the amount of the last line: 0.50 BTC, as -5 of one decimal
my $changed = $good;
substr($changed, $start + $length - 1, 1) = chr(ord(substr($good, $start + $length - 1, 1)) ^ 0x02);
is(load($changed), 'LG001', 'an entry with a changed amount is refused as unbalanced');

my %outcome;
for my $bit (0 .. 8 * $length - 1)
{
	$changed = $good;
	substr($changed, $start + ($bit >> 3), 1) = chr(ord(substr($good, $start + ($bit >> 3), 1)) ^ (1 << ($bit & 7)));
	my $result = load($changed);
	if ($result =~ /^\{/)
	{
		$outcome{entry}++;
		my $sum = $node->safe_psql('postgres', qq{
			SELECT count(*) FROM (SELECT 1 FROM stored, bakkt_ledger.lines(entry) GROUP BY fund, split_part(amount::text, ' ', 2)
				HAVING sum(split_part(amount::text, ' ', 1)::numeric) <> 0) unbalanced});
		fail("an unbalanced entry was accepted: $result") if $sum ne '0';
	}
	else
	{
		$outcome{$result}++;
	}
}
is_deeply([ sort keys %outcome ], [ '22P03', 'LG001', 'entry' ], 'an entry with a flipped bit is refused or balances')
  or diag explain \%outcome;

# entries cut short, with a byte too many, and with a false line count
for my $cut (1 .. $length)
{
	my $short = substr($good, 0, 21) . pack('N', $length - $cut) . substr($good, $start, $length - $cut) . "\xff\xff";
	is(load($short), '22P03', "an entry cut short by $cut bytes is refused") if $cut < 4 || $cut == $length;
}
is(load(substr($good, 0, 21) . pack('N', $length + 1) . substr($good, $start, $length) . "\0\xff\xff"), '22P03',
	'an entry with a byte too many is refused');
is(load(substr($good, 0, 21) . pack('N', 12) . "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" . "\xff\xff"), '22P03',
	'an entry that claims more lines than memory could hold is refused');

$node->stop;
done_testing();
