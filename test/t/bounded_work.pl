# Bounded work (design 5): the work of a call is near linear in its lines and
# requests, its memory goes by them, it can be cancelled, and beyond the limits
# it is refused.  Each shape is run with 1,000 and with 10,000 of what it is
# made of (BOUNDED_SIZES says otherwise, as in make soak): ten times as much
# may cost 15 times as much.
#
# What is measured is what the backend itself used, so that a loaded machine
# does not matter: processor time from /proc/self/schedstat, the least of
# three; the peak of memory in a fresh session.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use LedgerTest;
use Test::More;

my @size = split ' ', $ENV{BOUNDED_SIZES} || '1000 10000';
my $most = (sort { $b <=> $a } @size)[0];
my $step = 15;
my $least_ns = 5e6;			# below these a cost is taken to be this: start and noise
my $least_kb = 2048;

plan skip_all => 'needs /proc' unless -r '/proc/self/schedstat';

my $node = ledger_node('bounded_work', conf => "shared_buffers = 16MB\nmax_wal_size = 4GB\njit = off\nautovacuum = off\n");

# ---------------------------------------------------------------------------
# The world: two clients, $most customers with accounts, one prefunded client
# ---------------------------------------------------------------------------
in_ledger($node, <<"SQL");
SELECT open_client(c, funding_model => 'BAKKT_TPJ', commission_model => 'BOTH', at => '2025-01-01Z') FROM unnest('{BIGA,BIGB,PREF}'::text[]) c;
SELECT change_cash_terms('PREF', prefunded => true), open_provider('LP', 'Provider');
SELECT open_customers('BIGA', ARRAY(SELECT 'A' || lpad(g::text, 7, '0') FROM generate_series(1, $most) g)), open_customer('PREF', 'PREF0001');
SELECT ensure_accounts(array_agg(c.client_id), array_agg('FBO'::text), array_agg('Cust:' || customer_code || ':settled'), array_agg('USD'::text), array_agg(customer_id))
	FROM customer c JOIN client l USING (client_id) WHERE l.code = 'BIGA';
CREATE TABLE public.claim AS
	SELECT row_number() OVER (ORDER BY a.account) AS place, a.account FROM account a WHERE a.kind = 'fbo_settled';
ALTER TABLE public.claim ADD PRIMARY KEY (place);
CREATE TABLE public.house AS
	SELECT n, ensure_account(client_id, fund, h.name, asset) AS account
	FROM client, (VALUES ('bank', 'FBO', 'Bank:omnibus', 'USD'::asset), ('mirror 1', 'FBO', 'DueTo:CORP', 'USD'), ('mirror 2', 'CUST', 'DueTo:CORP', 'BTC'),
		('mirror 3', 'CORP', 'DueFrom:FBO', 'USD'), ('mirror 4', 'CORP', 'DueFrom:CUST', 'BTC')) h (n, fund, name, asset)
	WHERE code = 'BIGA';
SELECT deposit_coin('PREF0001', '100000 BTC', 'coin');
SELECT initiate_deposit('PREF0001', '20000000 USD', 'cash', at => '2025-01-02 15:00Z'), credit_deposits('PREF', '{cash}', at => '2025-01-02 16:00Z'),
	settle_deposits('2025-02-01 15:00Z', 'PREF');
VACUUM ANALYZE;
CREATE FUNCTION public.house(name text) RETURNS account_id STABLE LANGUAGE sql AS \$\$ SELECT h.account FROM public.house h WHERE h.n = \$1 \$\$;
CREATE FUNCTION public.buy(reference text, account text, quantity amount, linked boolean DEFAULT false, fee_minimum amount DEFAULT NULL, client_order_id text DEFAULT NULL)
	RETURNS trade_request IMMUTABLE LANGUAGE sql AS
	\$\$ SELECT (account, 'BUY', quantity, 'LP', reference, '100 USD/BTC', NULL, NULL, NULL, NULL, NULL, fee_minimum, client_order_id, NULL, NULL, NULL, linked)::trade_request \$\$;
CREATE TABLE public.argument (shape text, n bigint, entry journal_entry, requests journal_request[], trades trade_request[], codes text[], PRIMARY KEY (shape, n));
SQL

# ---------------------------------------------------------------------------
# The shapes: how the argument of n is made, what is called with it
# ---------------------------------------------------------------------------
my $post = 'SELECT count(*) FROM public.argument a, load_journals(a.requests) r WHERE %s';
my $trade = 'SELECT count(*) FROM public.argument a, post_trades(a.trades) r WHERE %s';
my $lone = q{ARRAY[ROW('BIGA', entry, 'one', NULL, NULL, NULL, false)::journal_request]};
my $all_accounts = q{(SELECT journal_entry(account, amount ORDER BY place) AS entry FROM
	(SELECT place, account, '-1 USD'::amount AS amount FROM public.claim WHERE place <= :n UNION ALL SELECT 0, house('bank'), (:n || ' USD')::amount) l) e};

# an array of requests, one for each g from 1 to n
sub requests
{
	my ($reference, $kind, $claim, $linked) = @_;
	return ('requests', qq{SELECT array_agg(ROW('BIGA', journal_entry(line('Dr', h.bank, '1 USD'), line('Cr', c.account, '1 USD')), $reference, $kind, NULL, NULL, $linked)::journal_request ORDER BY g)
		FROM (SELECT house('bank') AS bank) h, generate_series(1, :n) g JOIN public.claim c ON c.place = $claim}, $post);
}

# an array of purchases of the prefunded customer, one for each g from 1 to n
sub fills
{
	my ($quantity, $linked, $minimum) = @_;
	return ('trades', qq{SELECT array_agg(buy('f' || g, 'PREF0001', $quantity, $linked, '$minimum', 'order') ORDER BY g) FROM generate_series(1, :n) g}, $trade);
}

# the column of public.argument, its value (:n is the size), the call, what goes before it, by how much smaller the sizes are
my %shape = (
	'one entry, all accounts distinct' => [ 'requests', qq{SELECT $lone FROM $all_accounts}, $post ], 'one entry, two accounts in turn' => [ 'requests', qq{SELECT $lone FROM (SELECT journal_entry(CASE g % 2 WHEN 0 THEN house('bank') ELSE c.account END,
		CASE g % 2 WHEN 0 THEN '1 USD'::amount ELSE '-1 USD' END ORDER BY g) AS entry FROM generate_series(0, :n - 1) g, public.claim c WHERE c.place = 1) e}, $post ], 'one entry for two clients' => [ 'requests', qq{SELECT ARRAY[ROW('BIGB', entry, 'other', NULL, NULL, NULL, false)::journal_request] || $lone FROM $all_accounts}, $post ], 'an entry of many assets, printed and read' => [ 'entry', q{SELECT journal_entry(account_id('FBO', 1 + g % 7), ((CASE WHEN g % 2 = 0 THEN 1 ELSE -1 END) || ' A' || lpad((g / 2)::text, 6, '0'))::amount ORDER BY g % 3, g)
		FROM generate_series(0, :n / 2 * 2 - 1) g},
		q{SELECT count(x::text::journal_entry), count(journal_entry(x::bytea)), cardinality(net(x)), cardinality(activity(x)), cardinality(accounts(x)), line_count(reverse(x) + x)
			FROM (SELECT a.entry AS x FROM public.argument a WHERE %s) x GROUP BY x} ], 'one entry, two mirror pairs in turn' => [ 'requests', qq{SELECT $lone FROM (SELECT journal_entry(house('mirror ' || 1 + g % 4),
			((CASE WHEN g / 4 % 2 = 0 THEN 1 ELSE -1 END) * (CASE WHEN g % 4 < 2 THEN 1 ELSE -1 END) || CASE g % 2 WHEN 0 THEN ' USD' ELSE ' BTC' END)::amount ORDER BY g) AS entry
		FROM generate_series(0, :n / 8 * 8 - 1) g) e}, $post ], 'requests of two lines' => [ requests(q{'r' || g}, 'NULL', 'g', 'false') ], 'requests of one reference' => [ requests(q{'same'}, 'NULL', '1', 'false') ], 'malformed requests of one reference' => [ requests(q{'same'}, q{'nonsense'}, '1', 'false') ], 'a linked chain that stands' => [ requests(q{'c' || g}, 'NULL', '1 + g % 100', 'g < :n') ], 'a linked chain that falls at its end for a long reason' => [ requests(q{'c' || g}, q{CASE WHEN g = :n THEN repeat('nonsense', 1000) END}, '1 + g % 100', 'g < :n') ], 'trades of customers new to the asset' => [ 'trades', q{SELECT array_agg(buy('t' || g, 'A' || lpad(g::text, 7, '0'), '1 BTC') ORDER BY g) FROM generate_series(1, :n) g}, $trade ], 'fills of one order, every second refused' => [ fills(q{CASE g % 2 WHEN 0 THEN '1 BTC'::amount ELSE '900000 BTC' END}, 'false', '5 USD') ], 'fills of one order, each refused for the fee that it would be the first to pay' => [ fills(q{'199996 BTC'}, 'false', '500 USD') ], 'chains of two fills of one order, every second falls' => [ fills(q{CASE g % 4 WHEN 0 THEN '900000 BTC'::amount ELSE '1 BTC' END}, 'g % 2 = 1', '5 USD') ], 'customers opened' => [ 'codes', q{SELECT array_agg('N' || lpad(g::text, 7, '0')) FROM generate_series(1, :n) g},
		q{SELECT open_customers('BIGB', a.codes) FROM public.argument a WHERE %s} ], 'deposits credited' => [ 'codes', q{SELECT array_agg('d' || g) FROM generate_series(1, :n) g},
		q{SELECT credit_deposits('BIGA', a.codes) FROM public.argument a WHERE %s},
		q{SELECT count(initiate_deposit('A' || lpad(g::text, 7, '0'), '1 USD', 'd' || g)) FROM generate_series(1, :n) g}, 10 ], );
%shape = map { $_ => $shape{$_} } grep { /$ENV{BOUNDED_SHAPES}/ } keys %shape if $ENV{BOUNDED_SHAPES};

my $number = 0;
my %number = map { $_ => ++$number } sort keys %shape;

sub sizes_of
{
	my ($name) = @_;
	return map { $_ / ($shape{$name}[4] // 1) } @size;
}

sub sized { my ($sql, $n) = @_; $sql =~ s/(?<!:):n\b/$n/g; return $sql }

sub make_arguments
{
	my $sql = '';

	foreach my $name (sort keys %shape)
	{
		my ($column, $value) = @{ $shape{$name} };
		$sql .= "INSERT INTO public.argument (shape, n, $column) VALUES ('$number{$name}', $_, (" . sized($value, $_) . "));\n" foreach sizes_of($name);
	}
	in_ledger($node, $sql);
	return;
}

sub call_of
{
	my ($name, $n) = @_;
	return sprintf($shape{$name}[2], "shape = '$number{$name}' AND n = $n");
}

my $cpu = q{(SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1))};
my $peak = q{(SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s+(\d+) kB'))};
my $warm = <<'SQL';
SELECT count(*) FROM public.claim c, load_journals(ARRAY[ROW('BIGA', journal_entry(line('Dr', house('bank'), '1 USD'), line('Cr', c.account, '1 USD')), 'warm', NULL, NULL, NULL, false)::journal_request]) r WHERE c.place = 1;
SELECT count(*) FROM post_trades(ARRAY[buy('warm', 'PREF0001', '1 BTC', false, '5 USD', 'warm')]);
SQL

# A call in a session of its own, warmed by a small one and rolled back: its
# SQLSTATE, processor time in ns, growth of the peak in kB.
sub measure
{
	my ($call, $before, $timeout) = @_;
	my ($out, $err) = ('', '');

	$before //= 'SELECT 1';
	$timeout //= 0;
	$node->psql($LedgerTest::database, <<"SQL", stdout => \$out, stderr => \$err, on_error_stop => 0);
\\set VERBOSITY sqlstate
BEGIN;
$before;
$warm
SAVEPOINT warm;
SELECT '\@', $cpu, $peak;
SET LOCAL statement_timeout = $timeout;
$call;
\\if :ERROR
ROLLBACK TO warm;
\\endif
SET LOCAL statement_timeout = 0;
SELECT '\@', $cpu, $peak;
ROLLBACK;
SQL
	my @line = grep { /^\@/ } split /\n/, $out;
	my @from = split /\|/, $line[0];
	my @to = split /\|/, $line[1];
	my ($state) = $err =~ /ERROR:\s+([0-9A-Z]{5})/;

	return ($state // '00000', $to[1] - $from[1], $to[2] - $from[2]);
}

sub measure_shape
{
	my ($name, $n) = @_;
	my ($state, $ns, $kb) = measure(call_of($name, $n), sized($shape{$name}[3] // 'SELECT 1', $n));

	die "$name, $n: $state" if $state ne '00000';
	return ($ns, $kb);
}

sub least { return (sort { $a <=> $b } @_)[0] }
sub larger { my ($x, $y) = @_; return $x > $y ? $x : $y }

make_arguments();
foreach my $name (sort keys %shape)
{
	my (%ns, %kb);
	my @sized = sizes_of($name);

	foreach my $n (@sized)
	{
		my @run = map { [ measure_shape($name, $n) ] } 1 .. ($n > 1000 ? 1 : 3);

		$ns{$n} = least(map { $_->[0] } @run);
		$kb{$n} = least(map { $_->[1] } @run);
		note sprintf('%-80s %7d  %9.1f ms  %8d kB', $name, $n, $ns{$n} / 1e6, $kb{$n});
	}
	foreach my $i (1 .. $#sized)
	{
		my ($small, $large) = @sized[ $i - 1, $i ];
		my $factor = $step * $large / $small / 10;
		my $times = $ns{$large} / larger($ns{$small}, $least_ns);

		# what one run found too slow is run again: the machine may have been, the call is not
		$times = least($times, map { (measure_shape($name, $large))[0] / larger($ns{$small}, $least_ns) } 1 .. 2) if $times > $factor;
		cmp_ok($times, '<=', $factor, "$name: $large of them take at most $factor times as long as $small");
		cmp_ok($kb{$large} / larger($kb{$small}, $least_kb), '<=', $factor,
			"$name: $large of them take at most $factor times the memory of $small");
	}
}

# ---------------------------------------------------------------------------
# Memory goes by accounts, not by lines
# ---------------------------------------------------------------------------
SKIP:
{
	skip 'shapes were chosen', 1 if $ENV{BOUNDED_SHAPES};
	my $lines = 640_000;

	in_ledger($node, <<"SQL");
DO \$\$ DECLARE
	name	text;
	entry	journal_entry;
	number	int := 0;
BEGIN
	FOREACH name IN ARRAY '{$number{'one entry, two accounts in turn'},$number{'one entry, two mirror pairs in turn'}}'::text[] LOOP
		SELECT (requests[1]).entry INTO entry FROM public.argument WHERE shape = name AND n = 10000;
		FOR i IN 1 .. 6 LOOP entry := entry + entry; END LOOP;
		INSERT INTO public.argument (shape, n, entry, requests)
		VALUES ('large ' || number, $lines, entry, ARRAY[ROW('BIGA', entry, 'one', NULL, NULL, NULL, false)::journal_request]);
		number := number + 1;
	END LOOP;
END \$\$
SQL
	my (undef, undef, $kb) = measure(sprintf($post, "shape = 'large 0'"));
	cmp_ok($kb * 1024 / $lines, '<=', 100, 'posting an entry over two accounts takes at most 100 bytes of memory a line');

	# -----------------------------------------------------------------------
	# What is under way can be cancelled
	# -----------------------------------------------------------------------
	my $read = 'SELECT %s FROM public.argument a WHERE shape = \'large 0\'';
	my %long = (
		'posting a long entry' => sprintf($post, "shape = 'large 0'"),
		'posting a long entry of mirrors' => sprintf($post, "shape = 'large 1'"),
		'printing a long entry' => sprintf($read, 'octet_length(entry::text)'),
		'checking a long entry' => sprintf($read, 'entry_problem(entry)'),
		'the net of long entries' => sprintf($read, 'net(entry)') . ' GROUP BY shape',
		(map { $_ => call_of($_, $most) } 'requests of two lines', 'a linked chain that stands', 'a linked chain that falls at its end for a long reason',
			'trades of customers new to the asset', 'fills of one order, every second refused', 'customers opened', 'one entry for two clients'),
	);

	foreach my $name (sort keys %long)
	{
		my ($state, $ns) = measure($long{$name}, undef, 10);

		is($state, '57014', "a canceled call ends with 57014: $name");
		cmp_ok($ns, '<=', 1e9, "a canceled call ends within a second: $name");
	}
}

# ---------------------------------------------------------------------------
# The books are right
# ---------------------------------------------------------------------------
verify_clean($node, 'after calls of every shape');

done_testing();
