-- What Apex answers about the calls of a batch.
-- Refuses answers about other calls (LG082), and those that contradict an earlier one (LG020).
-- Locks the batch, the customers, then the calls.

CREATE TYPE bakkt_ledger.apex_answer AS (
    call bigint,
    confirmed boolean,
    reason text,
    apex_reference text
);
COMMENT ON TYPE apex_answer IS
'What Apex answers about one cash call of a batch.
confirmed: the cash has been moved, or not, and why not; apex_reference: its own identifier of the movement.';

INSERT INTO template VALUES
    ('apex_settled', 'cash_call', 'Apex owes what it has taken, or is owed what it has paid; encumbered coin is released');
INSERT INTO template_line (template, line, side, account_kind, parties, amount) VALUES
    ('apex_settled', 1, 'debit', 'corp_apex_settlement', '{client}', 'taken'),
    ('apex_settled', 2, 'credit', 'corp_apex_receivable', '{client}', 'receivable'),
    ('apex_settled', 3, 'credit', 'corp_apex_payable', '{client}', 'payable'),
    ('apex_settled', 4, 'credit', 'corp_apex_settlement', '{client}', 'paid');
INSERT INTO template_line (template, line, side, account_kind, parties, amount)
SELECT 'apex_settled', 4 + l.line, l.side, l.account_kind, l.parties, l.amount
FROM template_line AS l
WHERE l.template = 'coin_release';

-- ---------------------------------------------------------------------------
-- Checking
-- ---------------------------------------------------------------------------

-- Each answer with the item of the batch that it is about, NULL if there is none, and what was
-- answered about that before. Written to look items up by index: the planner has no statistics on
-- a batch that was just filled.
CREATE FUNCTION bakkt_ledger_internal.answered_items(batch apex_batch, answers apex_answer[])
    RETURNS TABLE (call bigint, given apex_answer, item apex_batch_item, former apex_answer)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT a.call, a, i.item,
           CASE WHEN (i.item).status <> 'SENT'
                THEN (a.call, (i.item).status = 'CONFIRMED', (i.item).reason, (i.item).apex_reference)::apex_answer END
    FROM unnest(answers) AS a
    LEFT JOIN LATERAL (SELECT i AS item
                       FROM apex_batch_item AS i
                       WHERE i.client_id = (batch).client_id AND i.batch_id = (batch).batch_id AND i.call = a.call
                       OFFSET 0) AS i ON true;
END;

-- LG002 for an answer without call or result, LG082 for a call that is not in the batch, LG020 for
-- one that contradicts what was answered before or in the same message.
CREATE FUNCTION bakkt_ledger_internal.check_apex_answers(batch apex_batch, answers apex_answer[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    wrong record;
BEGIN
    PERFORM FROM unnest(answers) AS a WHERE a.call IS NULL OR a.confirmed IS NULL;
    IF FOUND OR answers IS NULL THEN
        PERFORM refuse_invalid('an answer names a cash call and says whether it is confirmed', NULL,
                               'Give an array of (call, confirmed, reason, apex_reference)::apex_answer.');
    END IF;
    SELECT a.call INTO wrong FROM answered_items(batch, answers) AS a WHERE (a.item).call IS NULL ORDER BY a.call LIMIT 1;
    IF FOUND THEN
        PERFORM refuse('LG082', format('cash call %s is not in Apex batch "%s"', wrong.call, batch.reference), NULL,
                       'apex_batch_items() lists what was sent.');
    END IF;
    SELECT a.call, to_jsonb(a.former) AS former, to_jsonb(a.given) AS given INTO wrong
    FROM (SELECT b.call, b.former, b.given
          FROM answered_items(batch, answers) AS b
          UNION ALL
          SELECT m.call, lag(m) OVER (PARTITION BY m.call), m
          FROM unnest(answers) AS m) AS a
    WHERE a.former <> a.given
    ORDER BY a.call
    LIMIT 1;
    IF FOUND THEN
        PERFORM refuse_other_content(format('The answer of batch "%s" to cash call', batch.reference), wrong.call::text,
                                     wrong.former, wrong.given);
    END IF;
END;
$$;

-- ---------------------------------------------------------------------------
-- Recording
-- ---------------------------------------------------------------------------

-- Posts a journal for each of these calls, under the reference that pays a call only once. Coin of
-- a purchase that was busted is not released: the bust has taken it.
CREATE FUNCTION bakkt_ledger_internal.post_apex_confirmations(holder integer, calls bigint[], moment timestamptz) RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    named text[];
    parties jsonb[];
    amounts jsonb[];
BEGIN
    IF calls = '{}' THEN
        RETURN calls;
    END IF;
    SELECT array_agg('cash-call:' || n.call ORDER BY n.place),
           array_agg(jsonb_build_object('client', l.code, 'customer', u.customer_code) ORDER BY n.place),
           array_agg(jsonb_build_object('taken', greatest(m.moved, m.nothing), 'paid', greatest(-m.moved, m.nothing),
                                        'receivable', CASE WHEN c.sale THEN m.nothing ELSE m.moved END,
                                        'payable', CASE WHEN c.sale THEN m.moved ELSE m.nothing END,
                                        'coin', coalesce(CASE c.status WHEN 'O' THEN c.encumbered END, m.nothing))
                     ORDER BY n.place)
    INTO named, parties, amounts
    FROM unnest(calls) WITH ORDINALITY AS n (call, place)
    JOIN cash_call AS c ON c.client_id = holder AND c.journal_id = n.call
    JOIN customer AS u ON u.customer_id = c.customer_id
    JOIN client AS l ON l.client_id = c.client_id
    CROSS JOIN LATERAL (SELECT CASE WHEN c.withdrawal THEN c.amount ELSE -c.amount END AS moved,
                               zero(asset(c.amount)) AS nothing) AS m;
    RETURN post_entries(holder, 'cash_call', named, template_entries(holder, 'apex_settled', parties, amounts), moment, NULL);
END;
$$;

-- Apex has moved cash for an execution that was busted meanwhile: the call becomes settled after
-- all, which takes its bust back (an event busted of the negative amount), and a cash call of the
-- bust gives the cash back.
CREATE FUNCTION bakkt_ledger_internal.settle_busted_call(holder integer, call bigint, moment timestamptz, posting bigint)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    busted constant cash_call := lock_cash_call(holder, call);
    bust bigint;
BEGIN
    SELECT j.journal_id INTO STRICT bust FROM journal AS j WHERE j.client_id = holder AND j.reverses = busted.journal_id;
    -- not dated before the bust that it takes back
    PERFORM record_cash_call_event(holder, call, 'busted', greatest(moment, busted.closed_at), -busted.amount, 'CONFIRMED', bust);
    PERFORM record_cash_call_event(holder, call, 'settled', moment, busted.amount, NULL, posting);
    PERFORM bust_cash_call(holder, call, bust, greatest(moment, busted.closed_at),
                           (SELECT max(e.recorded_at) FROM cash_call_events(holder, call) AS e));
END;
$$;

-- Posts and records these answers to items that had none; their calls are locked. A rejected call
-- that was busted meanwhile needs nothing more.
CREATE FUNCTION bakkt_ledger_internal.apply_apex_answers(batch apex_batch, answers apex_answer[], moment timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    confirmed constant bigint[] := ARRAY(SELECT a.call FROM unnest(answers) AS a WHERE a.confirmed ORDER BY a.call);
    outstanding constant bigint[] := ARRAY(SELECT c.journal_id
                                           FROM unnest(answers) AS a
                                           JOIN cash_call AS c ON c.client_id = batch.client_id AND c.journal_id = a.call
                                           WHERE c.status = 'O');
    posted bigint[];
    sent apex_batch_item[];
    answered apex_batch_item[];
BEGIN
    posted := post_apex_confirmations(batch.client_id, confirmed, moment);
    SELECT array_agg(a.item ORDER BY a.call),
           array_agg((batch.client_id, batch.batch_id, a.call, CASE WHEN p.call IS NULL THEN 'REJECTED' ELSE 'CONFIRMED' END,
                      (a.given).reason, (a.given).apex_reference, moment, p.journal)::apex_batch_item ORDER BY a.call)
    INTO sent, answered
    FROM answered_items(batch, answers) AS a
    LEFT JOIN unnest(confirmed, posted) AS p (call, journal) ON p.call = a.call;
    UPDATE apex_batch_item AS i
    SET status = a.status,
        reason = a.reason,
        apex_reference = a.apex_reference,
        answered_at = a.answered_at,
        journal_id = a.journal_id
    FROM unnest(answered) AS a
    WHERE i.client_id = batch.client_id AND i.batch_id = batch.batch_id AND i.call = a.call;
    PERFORM record_events('answered', sent, answered, moment,
                          journals => ARRAY(SELECT a.journal_id FROM unnest(answered) AS a ORDER BY a.call));
    PERFORM record_apex_events(batch, outstanding, moment);
    PERFORM settle_busted_call(batch.client_id, b.call, moment, b.journal_id)
    FROM (SELECT a.call, a.journal_id
          FROM unnest(answered) AS a
          WHERE a.status = 'CONFIRMED' AND NOT EXISTS (SELECT FROM unnest(outstanding) AS o WHERE o = a.call)
          ORDER BY a.call) AS b;
END;
$$;

-- The batch, locked so that no other message about it is recorded at the same time; LG087 if there
-- is none.
CREATE FUNCTION bakkt_ledger_internal.lock_apex_batch(holder integer, named text, moment timestamptz) RETURNS apex_batch
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before apex_batch := require_apex_batch(holder, named);
    after apex_batch;
BEGIN
    PERFORM bounded_wait();
    SELECT b.* INTO STRICT before
    FROM apex_batch AS b
    WHERE b.client_id = holder AND b.batch_id = before.batch_id
    FOR NO KEY UPDATE;
    -- an update, not only a lock: a transaction whose snapshot is older than another's message gets
    -- 40001
    UPDATE apex_batch AS b
    SET messages = b.messages + 1
    WHERE b.client_id = holder AND b.batch_id = before.batch_id
    RETURNING b.* INTO STRICT after;
    PERFORM record_event('answered', before, after, moment);
    RETURN after;
END;
$$;

CREATE TYPE bakkt_ledger.apex_answer_result AS (
    request integer,
    reference text,
    outcome text,
    replayed boolean,
    call bigint,
    status text,
    at timestamptz,
    journal bigint
);
COMMENT ON TYPE apex_answer_result IS
'What became of Apex''s answer about one cash call.
request: its place in the message from 1. reference: the batch''s. outcome: answered. replayed: this answer had come before.
status, at: CONFIRMED or REJECTED, and since when. journal: that the confirmation has posted.';

-- What is answered about a message; it is fresh about those calls that were not answered before.
CREATE FUNCTION bakkt_ledger_internal.apex_answer_results(batch apex_batch, answers apex_answer[], fresh bigint[])
    RETURNS SETOF apex_answer_result
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT a.place::integer, batch.reference, 'answered', f.call IS NULL OR a.nth > 1, a.call, i.status::text, i.answered_at,
           i.journal_id
    FROM (SELECT m.call, m.ordinality AS place, row_number() OVER (PARTITION BY m.call ORDER BY m.ordinality) AS nth
          FROM unnest(answers) WITH ORDINALITY AS m) AS a
    JOIN LATERAL (SELECT b.status, b.answered_at, b.journal_id
                  FROM apex_batch_item AS b
                  WHERE b.client_id = batch.client_id AND b.batch_id = batch.batch_id AND b.call = a.call
                  OFFSET 0) AS i ON true
    LEFT JOIN unnest(fresh) AS f (call) ON f.call = a.call
    ORDER BY a.place;
END;
$$;

-- Locks the customers of these calls, then the calls: a call is ended with its customer locked.
CREATE FUNCTION bakkt_ledger_internal.lock_answered_calls(holder integer, calls bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    PERFORM FROM customer AS u
    WHERE u.customer_id IN (SELECT c.customer_id FROM cash_call AS c WHERE c.client_id = holder AND c.journal_id = ANY (calls))
    ORDER BY u.customer_id
    FOR NO KEY UPDATE;
    PERFORM lock_cash_call_events(holder);
    PERFORM FROM cash_call AS c WHERE c.client_id = holder AND c.journal_id = ANY (calls) ORDER BY c.journal_id FOR NO KEY UPDATE;
END;
$$;

CREATE FUNCTION bakkt_ledger.record_apex_answers(client text, batch text, answers apex_answer[],
                                                 at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF apex_answer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    answered apex_batch;
    fresh apex_answer[];
    calls bigint[];
BEGIN
    PERFORM bounded_wait(), require_instant(at), require_batch_size(cardinality(answers));
    answered := lock_apex_batch(holder, batch, at);
    IF at < answered.opened_at THEN
        PERFORM refuse_invalid(format('an answer cannot be older than batch "%s"', batch),
                               format('It was opened at %s.', instant_text(answered.opened_at)));
    END IF;
    PERFORM check_apex_answers(answered, answers);
    fresh := ARRAY(SELECT DISTINCT ON (a.call) a.given
                   FROM answered_items(answered, answers) AS a
                   WHERE (a.item).status = 'SENT'
                   ORDER BY a.call);
    calls := ARRAY(SELECT f.call FROM unnest(fresh) AS f);
    PERFORM lock_answered_calls(holder, calls);
    PERFORM apply_apex_answers(answered, fresh, at);
    RETURN QUERY SELECT r.* FROM apex_answer_results(answered, answers, calls) AS r;
END;
$$;
COMMENT ON FUNCTION record_apex_answers IS
'Records what Apex has answered about cash calls of a batch, of all its items or some.
All or none of the answers are recorded; a row per answer. Confirmed: the call is settled by a journal, and Apex owes the money,
or is owed it; rejected: it failed for that reason and is due again at the next retry time, for another batch. For an answer
that came before, replayed is true and nothing is done. If Apex confirms a call whose execution was busted meanwhile, the call
is settled, and a cash call of the bust gives the money back.
Errors: LG087 unknown batch, LG082 a call that is not in it, LG020 an answer that contradicts an earlier one, LG002 an answer
without call or result, or an instant before the batch was opened, LG010, 42501, LG061; 40001 or 40P01: retry.';
