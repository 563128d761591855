-- Every function of the API has one shape (doc/api.md): words, order of arguments, results, states and comments, from the catalog.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE TEMP VIEW routine AS
	SELECT p.oid, p.proname AS name, p.proargnames[1:p.pronargs] AS arguments, p.proargmodes AS modes, p.prorettype AS result, l.lanname AS language,
		   format_type(p.prorettype, NULL) AS result_name, p.provolatile = 'v' AS writes, obj_description(p.oid, 'pg_proc') AS meaning
	FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
	WHERE p.pronamespace = 'bakkt_ledger'::regnamespace AND p.prokind = 'f';
CREATE TEMP VIEW result_type AS
	SELECT t.oid, t.typname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns, obj_description(t.oid, 'pg_type') AS meaning
	FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid AND c.relkind = 'c' JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE t.typnamespace = 'bakkt_ledger'::regnamespace GROUP BY t.oid, t.typname;

SELECT is_empty($$SELECT name, a FROM routine, unnest(arguments) AS a
	WHERE a ~ '^(lp.*|.*_lp|account_code|client_code|party.*|code|as_of|.*_as_of|opened_at|role_name|state|.*_id)$'
	  AND (name, a) NOT IN (('open_customer', 'external_id'), ('change_customer', 'party_status'), ('post_trade', 'client_order_id'), ('correct_trade', 'client_order_id'),
							('return_deposit', 'code'), ('return_withdrawal', 'code'))$$,
	'an argument has the one word of what it means');
SELECT is_empty($$SELECT name FROM routine WHERE array_position(arguments, 'reason') < array_position(arguments, 'reference')
	OR array_position(arguments, 'at') < array_position(arguments, 'reason') OR array_position(arguments, 'at') < array_position(arguments, 'reference')$$,
	'the reference comes before the reason, and both before the instant');
SELECT is_empty($$SELECT name FROM routine WHERE 'client' = ANY (arguments) AND arguments[1] <> 'client'
	-- runs are of an instant, and of one client if asked
	AND NOT (array_position(arguments, 'at') < array_position(arguments, 'client')) AND name <> 'skip_job'$$, 'the client comes first, and in a run after the instant');
SELECT is_empty($$SELECT name FROM routine WHERE 'customer' = ANY (arguments) AND arguments[1] NOT IN ('customer', 'client')$$, 'the customer comes first, or after its client');
SELECT is_empty($$SELECT name FROM routine WHERE array_position(arguments, 'known_at') < array_position(arguments, 'at')
	OR array_position(arguments, 'most') < array_position(arguments, 'after')$$, 'a read is at an instant, then by what was known, and pages are after and most');

SELECT is_empty($$SELECT name, result_name FROM routine AS r JOIN pg_type AS t ON t.oid = r.result JOIN pg_class AS c ON c.oid = t.typrelid AND c.relkind <> 'c'$$,
	'no function answers with rows of a table or view');
SELECT is_empty($$SELECT name FROM routine WHERE result = 'void'::regtype OR result = 'record'::regtype AND name <> 'lines'$$,
	'every function answers with a type, the lines of an entry excepted');
SELECT is_empty($$SELECT name FROM result_type WHERE name !~ '_(result|line|request|answer|balance|record|cursor|digest|proof|need|activity|amount|position|payment)$'
	AND name NOT IN ('discrepancy', 'buying_power')$$, 'a type''s name says what it is of: a result, a line of a list, a request');
SELECT is_empty($$SELECT name, columns FROM result_type WHERE name LIKE '%\_result' AND name NOT LIKE '%\_run\_result'
	AND (columns[1:3] <> '{reference,outcome,replayed}' AND columns[1:4] <> '{request,reference,outcome,replayed}')$$,
	'a result begins with the reference, what happened and whether it is a replay; of a batch, with the place in it');
SELECT is_empty($$SELECT name, c FROM result_type, unnest(columns) AS c
	WHERE c ~ '^(lp.*|account_code|customer_code|client_code|party|state|client_id|customer_id|journal_id|provider_id|proposal_id|.*_role)$'$$,
	'a column of a result has the one word of what it means, and no number of a row');

SELECT is_empty($$SELECT k.conrelid::regclass, pg_get_constraintdef(k.oid) FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
	WHERE c.relnamespace = 'bakkt_ledger_internal'::regnamespace AND k.contype = 'c' AND pg_get_constraintdef(k.oid) ~ '\(status = ANY' AND pg_get_constraintdef(k.oid) ~ '''[a-z_]+''::text'$$,
	'states are words in upper case');
SELECT is_empty($$SELECT subject, to_status FROM transition WHERE to_status <> upper(to_status) OR event <> lower(event)$$, 'states are in upper case, and events in lower');

SELECT is_empty($$SELECT name, split_part(meaning, E'\n', 1) FROM routine WHERE language <> 'c' AND split_part(meaning, E'\n', 1) !~ '^[A-Z].*\.$'$$,
	'what a function is for is one sentence, on the first line of its comment');
SELECT is_empty($$SELECT name FROM result_type WHERE coalesce(meaning, '') = ''$$, 'every type of the API says what it is');

SELECT * FROM finish();
ROLLBACK;
