# The demonstration with two real days of quotes and trades, against the same
# money computed in plain SQL from the fills, with numeric and no function of
# the extension.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = ($ENV{SHARED} // '') . '/data';
my ($quotes) = glob "$data/coinbase_quotes_*.csv";
my ($trades) = glob "$data/coinbase_trades_*.csv";
plan skip_all => 'the real quotes and trades are not here' unless $quotes && $trades;

my $demo = "$FindBin::RealBin/../demo";
my $node = PostgreSQL::Test::Cluster->new('demo');
$node->init;
$node->start;

sub query { return $node->safe_psql('demo', "SET search_path = bakkt_ledger_internal, bakkt_ledger, public; $_[0]"); }

# Run the demonstration in a fresh database of that name.
sub run_demo
{
	my (%files) = @_;

	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS demo');
	$node->safe_psql('postgres', 'CREATE DATABASE demo');
	$node->safe_psql('demo', 'CREATE EXTENSION bakkt_ledger');
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'demo', PGUSER => $node->safe_psql('demo', 'SELECT current_user'), %files);
	return command_ok(["$demo/run"],
		'the demonstration runs on ' . (%files ? 'real' : 'generated') . ' data, and its proofs hold');
}

run_demo(QUOTES => $quotes, TRADES => $trades);

query(<<'SQL');
CREATE SCHEMA plain;

-- to cents, half to even; amounts here are not negative
CREATE FUNCTION plain.cents(exact numeric) RETURNS numeric LANGUAGE sql IMMUTABLE
RETURN (SELECT (floor(c) + CASE WHEN c - floor(c) > 0.5 OR c - floor(c) = 0.5 AND floor(c) % 2 = 1 THEN 1 ELSE 0 END) / 100
		FROM (SELECT exact * 100 AS c) scaled);

-- customers with the number 0001 own nothing and may not sell
CREATE TABLE plain.trade AS
SELECT client, account, left(symbol, 3) AS coin, side, quantity, provider, posted_in AS closes_on, notional, provider_money, fee,
	   CASE side WHEN 'BUY' THEN notional + fee ELSE notional - fee END AS net
FROM demo.fill JOIN demo.client ON code = client,
	 LATERAL (SELECT CASE WHEN markup_bps IS NULL THEN provider_price
						  WHEN side = 'BUY' THEN ceil(provider_price * (10000 + markup_bps) / 100) / 100
						  ELSE floor(provider_price * (10000 - markup_bps) / 100) / 100 END AS price) marked,
	 LATERAL (SELECT plain.cents(quantity * price) AS notional, plain.cents(quantity * provider_price) AS provider_money) money,
	 LATERAL (SELECT CASE WHEN fee_bps IS NULL THEN 0 ELSE plain.cents(greatest(fee_minimum, notional * fee_bps / 10000)) END AS fee) charged
WHERE account NOT LIKE '%0001';
SQL

my $size = query('SELECT count(*) > 50000 AND count(DISTINCT account) > 4000 AND count(DISTINCT closes_on) = 3 FROM plain.trade');
is($size, 't', 'the demonstration has three windows, over 4,000 customers and over 50,000 trades');

is(query(<<'SQL'), '', 'each window adds up per coin as in plain SQL');
SELECT * FROM (
	SELECT w.client, w.closes_on, s.asset::text, buy_count, value(buy_quantity), value(buy_net_money), sell_count, value(sell_quantity), value(sell_net_money)
	FROM demo.window w, window_summary(w.client, w.closes_on) s
) ledger (client, closes_on, coin, buys, bought, paid, sells, sold, received)
FULL JOIN (
	SELECT client, closes_on, coin,
		   count(*) FILTER (WHERE side = 'BUY') AS buys, sum(quantity) FILTER (WHERE side = 'BUY') AS bought, sum(net) FILTER (WHERE side = 'BUY') AS paid,
		   count(*) FILTER (WHERE side = 'SELL') AS sells, sum(quantity) FILTER (WHERE side = 'SELL') AS sold, sum(net) FILTER (WHERE side = 'SELL') AS received
	FROM plain.trade GROUP BY 1, 2, 3
) plain USING (client, closes_on, coin, buys, bought, paid, sells, sold, received)
WHERE ledger IS NULL OR plain IS NULL
SQL

is(query(<<'SQL'), '', 'a net settling client has one obligation per closed window, with the sum, payer and payee of plain SQL');
SELECT * FROM (
	SELECT client, row_number() OVER (PARTITION BY client ORDER BY obligation), payer, payee, value(amount)
	FROM obligations() WHERE counterparty = client
) ledger (client, place, payer, payee, amount)
FULL JOIN (
	SELECT client, row_number() OVER (PARTITION BY client ORDER BY closes_on),
		   CASE WHEN sum(signed) > 0 THEN client ELSE 'BAKKT' END, CASE WHEN sum(signed) > 0 THEN 'BAKKT' ELSE client END, abs(sum(signed))
	FROM (SELECT client, closes_on, CASE side WHEN 'BUY' THEN net ELSE -net END AS signed FROM plain.trade) t
	JOIN demo.window w USING (client, closes_on)
	WHERE client = 'QRST' AND closed GROUP BY client, closes_on
) plain (client, place, payer, payee, amount) USING (client, place, payer, payee, amount)
WHERE ledger IS NULL OR plain IS NULL
SQL

is(query(<<'SQL'), '', 'providers are owed money and owe coin as in plain SQL');
SELECT * FROM (
	SELECT counterparty, asset::text, sum(CASE payer WHEN 'BAKKT' THEN -value(amount) ELSE value(amount) END)
	FROM obligations() WHERE counterparty <> client GROUP BY 1, 2
) ledger (provider, asset, net)
FULL JOIN (
	SELECT provider, asset, sum(owes)
	FROM plain.trade t JOIN demo.window w USING (client, closes_on),
		 LATERAL (VALUES ('USD', CASE side WHEN 'BUY' THEN -provider_money ELSE provider_money END),
						 (coin, CASE side WHEN 'BUY' THEN quantity ELSE -quantity END)) leg (asset, owes)
	WHERE closed GROUP BY 1, 2 HAVING sum(owes) <> 0
) plain (provider, asset, net) USING (provider, asset, net)
WHERE ledger IS NULL OR plain IS NULL
SQL

is(query(<<'SQL'), '', 'every customer owns what he deposited and bought, less what he sold');
SELECT * FROM (
	SELECT b.customer, asset(b.balance)::text, value(b.balance)
	FROM demo.client, balances(code) b WHERE b.kind = 'cust_coin' AND NOT is_zero(b.balance)
) ledger (account, coin, quantity)
FULL JOIN (
	SELECT account, coin, sum(quantity)
	FROM (SELECT account, coin, CASE side WHEN 'BUY' THEN quantity ELSE -quantity END AS quantity FROM plain.trade
		  UNION ALL SELECT account, left(symbol, 3), quantity FROM demo.deposit) moves
	GROUP BY 1, 2 HAVING sum(quantity) <> 0
) plain (account, coin, quantity) USING (account, coin, quantity)
WHERE ledger IS NULL OR plain IS NULL
SQL

is(query(<<'SQL'), '', 'revenue and the clients\' shares are what lies between the customers\' and the providers\' money');
SELECT * FROM (
	-- what trues up a share comes from Rounding
	SELECT c.code, sum(value(t.credit) - value(t.debit)) FROM client c, trial_balance(c.code) t
	WHERE t.kind IN ('corp_revenue_markup', 'corp_revenue_trade_fee', 'corp_revenue_share', 'corp_rounding') GROUP BY 1
) ledger (client, revenue)
FULL JOIN (
	SELECT client, sum(CASE side WHEN 'BUY' THEN net - provider_money ELSE provider_money - net END) FROM plain.trade GROUP BY 1
) plain (client, revenue) USING (client, revenue)
WHERE ledger IS NULL OR plain IS NULL
SQL

is(query("SELECT count(*) FROM demo.outcome JOIN demo.fill USING (order_no) WHERE outcome = 'refused' AND sqlstate <> 'LG050'"), '0',
	'a trade is refused only for want of coin');

# The proofs must be able to fail.
query('DROP TABLE demo.discrepancy, demo.position, demo.proof, demo.fault');
query(<<'SQL');
ALTER TABLE balance DISABLE TRIGGER ALL;
UPDATE balance SET posted = posted - '0.00000001 BTC'::amount
WHERE (client_id, account) = (SELECT client_id, account FROM account WHERE kind = 'cust_coin' AND asset::text = 'BTC' ORDER BY account LIMIT 1);
SQL
query(slurp_file("$demo/proof.sql") =~ s/^.*\\gset$//mr);
cmp_ok(query("SELECT count(*) FROM demo.fault WHERE fault LIKE 'verify:%'"), '>=', 1, 'one changed balance is found by verify()');
cmp_ok(query("SELECT count(*) FROM demo.fault WHERE fault LIKE '%claims differ%'"), '==', 1,
	'one changed balance is found by the proof of claims');

# The generated day is the same everywhere.
run_demo();
is(query("SELECT count(*) || ' ' || sum(quantity) || ' ' || md5(string_agg(concat_ws(',', order_no, account, symbol, side, quantity, provider, provider_price, placed_at AT TIME ZONE 'UTC'), ';' ORDER BY order_no)) FROM demo.fill"),
	'49500 1896131.24898302 3a5971e05c732052aa94f66989ff6348', 'generated fills are the same in every run');

done_testing();
