-- What a platform calls a person may be personal data: it stands in a table that can be erased, and what is sealed holds its salted digest.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('IDEN'), open_client('OTHR') \g /dev/null
SELECT is((open_customer('IDEN', 'IDEN0001', external_id => 'ann@example.com', reference => 'ann')).outcome, 'opened', 'a customer is opened with the client''s own identifier');
SELECT open_customer('IDEN', 'IDEN0002') \g /dev/null

SELECT is_empty($$SELECT 'event', e.event_id FROM event e WHERE e::text LIKE '%ann@example%' UNION ALL SELECT 'request', r.request_id FROM request r WHERE r::text LIKE '%ann@example%'$$,
	'nothing that is sealed holds the identifier');
SELECT is((SELECT e.changed ->> 'external_digest' FROM event e WHERE e.subject = 'customer' AND e.subject_key = 'IDEN0001'),
	(SELECT encode(sha256(i.salt || convert_to('ann@example.com', 'UTF8')), 'hex') FROM customer_identity i JOIN customer c USING (customer_id) WHERE c.customer_code = 'IDEN0001'),
	'the event of the opening holds the salted digest of the identifier');
SELECT open_customer('OTHR', 'OTHR0001', external_id => 'ann@example.com') \g /dev/null
SELECT is((SELECT count(DISTINCT c.external_digest) FROM customer c WHERE c.external_digest IS NOT NULL), 2::bigint,
	'the same identifier of two clients has two digests');

SELECT is((open_customer('IDEN', 'IDEN0001', external_id => 'ann@example.com', reference => 'ann')).replayed, true, 'the same opening again is answered as the first time');
SELECT is((open_customer('IDEN', 'IDEN0001', external_id => 'ann@example.com')).replayed, true, 'and so is one without a reference');
SELECT throws_ok($$SELECT open_customer('IDEN', 'IDEN0001', external_id => 'bob')$$, 'LG020', NULL, 'another identifier of the same customer is other content');
SELECT throws_ok($$SELECT open_customer('IDEN', 'IDEN0001')$$, 'LG020', NULL, 'no identifier of a customer that has one is other content');
SELECT throws_ok($$SELECT open_customer('IDEN', 'IDEN0002', external_id => 'bob')$$, 'LG020', NULL, 'an identifier of a customer that has none is other content');
SELECT throws_ok($$SELECT open_customer('IDEN', 'IDEN0003', external_id => 'ann@example.com')$$, 'LG020', NULL, 'an identifier belongs to one customer of a client');
SELECT is((SELECT external_id FROM customers('IDEN') WHERE customer = 'IDEN0001'), 'ann@example.com', 'the client reads its identifier');
SELECT seal() \g /dev/null
SELECT is_empty($$SELECT * FROM verify()$$, 'the identifier is what was recorded');
SELECT throws_ok($$UPDATE customer_identity SET external_id = 'eve'$$, 'LG066', NULL, 'an identifier is not changed');

-- erased
SELECT set_eq($$SELECT r.rolname::text FROM pg_roles r WHERE r.rolname LIKE 'bakkt\_ledger\_%' AND has_function_privilege(r.oid, 'erase_customer_identity(text, text, text)', 'execute')$$,
	ARRAY['bakkt_ledger_administrator'], 'an administrator erases identifiers');
SELECT results_eq($$SELECT reference, outcome, replayed FROM erase_customer_identity('IDEN/ann@example.com', 'erase ann', 'left')$$, $$VALUES ('erase ann', 'erased', false)$$, 'an identifier is erased');
SELECT results_eq($$SELECT reference, outcome, replayed FROM erase_customer_identity('IDEN0001', 'erase ann', 'left')$$, $$VALUES ('erase ann', 'erased', true)$$, 'the same request again gets the first answer');
SELECT is((erase_customer_identity('IDEN0001')).outcome, 'unchanged', 'what is erased is not erased again');
SELECT is_empty($$SELECT * FROM customer_identity i JOIN customer c USING (customer_id) WHERE c.customer_code = 'IDEN0001'$$, 'neither identifier nor salt is left');
SELECT throws_ok($$SELECT statement('IDEN/ann@example.com', 'USD')$$, 'LG012', NULL, 'nobody is found by an identifier that was erased');
SELECT is((SELECT external_id FROM customers('IDEN') WHERE customer = 'IDEN0001'), NULL, 'the customer stays, without it');
SELECT seal() \g /dev/null
SELECT is_empty($$SELECT * FROM verify()$$, 'what was sealed is proven without the identifier');
SELECT is((open_customer('IDEN', 'IDEN0004', external_id => 'ann@example.com')).outcome, 'opened', 'an identifier that was erased can be given again');

-- edited and deleted with triggers off
SET LOCAL bakkt_ledger.restoring = on;
ALTER TABLE customer_identity DISABLE TRIGGER ALL;
UPDATE customer_identity i SET external_id = 'eve' FROM customer c WHERE c.customer_id = i.customer_id AND c.customer_code = 'IDEN0004';
DELETE FROM customer_identity i USING customer c WHERE c.customer_id = i.customer_id AND c.customer_code = 'OTHR0001';
SELECT set_eq($$SELECT v.subject || ' ' || v.subject_key FROM verify() v WHERE v.check_name = 'identity'$$, ARRAY['customer IDEN0004', 'customer OTHR0001'],
	'an identifier that was edited, or went without being erased, is named');

SELECT * FROM finish();
ROLLBACK;
