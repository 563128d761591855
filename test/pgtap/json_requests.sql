-- Requests of a batch as JSON: what is not understood is refused, naming the element and the key.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE FUNCTION pg_temp.refused(requests jsonb, of_trades boolean DEFAULT true) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code	text;
	said	text;
	facts	text;
BEGIN
	IF of_trades THEN PERFORM trade_requests(requests); ELSE PERFORM journal_requests(requests); END IF;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, said = MESSAGE_TEXT, facts = CONSTRAINT_NAME;
	RETURN concat_ws(' ', code, said, nullif(facts, ''));
END $$;

SELECT is(trade_requests('[]'), '{}', 'an empty array is a batch of none');
SELECT is(pg_temp.refused(given), told, format('requests are refused: %s', told)) FROM (VALUES
	(NULL::jsonb, 'LG002 requests are a JSON array'),
	('{}', 'LG002 requests are a JSON array'),
	('[{}, 7]', 'LG002 request 2 is no object {"key": null, "request": 2}'),
	('[{"reference": "a"}, {"reference": "b", "markup_bsp": 50}]', 'LG002 request 2 has an unknown key {"key": "markup_bsp", "request": 2}'),
	('[{"markup_bps": "50"}]', 'LG002 request 1 has a string where a number belongs {"key": "markup_bps", "request": 1}'),
	('[{"encumbered": "yes"}]', 'LG002 request 1 has a string where a boolean belongs {"key": "encumbered", "request": 1}'),
	('[{"quantity": 1.5}]', 'LG002 request 1 has a number where a string belongs {"key": "quantity", "request": 1}'),
	('[{"quantity": "1 BTC"}, {"quantity": "much"}]', 'LG002 request 2: "quantity" is not valid {"key": "quantity", "request": 2}'),
	('[{"executed_at": "noon-ish"}]', 'LG002 request 1: "executed_at" is not valid {"key": "executed_at", "request": 1}'),
	('[{"markup_bps": 50.5}]', 'LG002 request 1: "markup_bps" is not valid {"key": "markup_bps", "request": 1}')) AS v (given, told);
SELECT is(pg_temp.refused('[{"entry": "{Dr FBO:1 1 USD; Cr FBO:2 2 USD}"}]', false), 'LG002 request 1: "entry" is not valid {"key": "entry", "request": 1}',
	'an entry that does not balance is refused with its request');
SELECT is(pg_temp.refused('[{"effective_at": "2026-01-01Z"}]', false), 'LG002 request 1 has an unknown key {"key": "effective_at", "request": 1}',
	'a key of another type of request is unknown');

SELECT open_client('JSON'), open_customer('JSON', 'JSON0001'), open_provider('LP1', 'Provider') \g /dev/null
SELECT results_eq($$SELECT request, reference, outcome, net_money FROM post_trades(trade_requests('[
	{"customer": "JSON0001", "side": "BUY", "quantity": "0.1 BTC", "provider": "LP1", "reference": "one", "provider_price": "60000.00 USD/BTC", "markup_bps": 50},
	{"customer": "JSON0001", "side": "BUY", "quantity": "0.2 BTC", "provider": "LP1", "reference": "two", "provider_price": "60000.00 USD/BTC", "markup_bps": null}]'))$$,
	$$VALUES (1, 'one', 'posted', '6030.00 USD'::amount), (2, 'two', 'posted', '12000.00 USD')$$, 'a batch from JSON is posted in order, with a reference for each answer');

SELECT * FROM finish();
ROLLBACK;
