-- What Apex answers about the calls of a batch.
-- Refuses answers about other calls (LG082), and those that contradict an earlier one (LG020).
-- Locks the batch, the customers, then the calls.

-- Written to look items up by index: the planner has no statistics on a batch that was just filled.
CREATE FUNCTION bakkt_ledger_internal.answered_items(batch apex_batch, answers apex_answer[])
    RETURNS TABLE (call bigint, given apex_answer, item apex_batch_item)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT a.call, a, i.item
      FROM unnest($2) AS a
      LEFT JOIN LATERAL (SELECT i AS item FROM apex_batch_item i
                          WHERE i.client_id = ($1).client_id AND i.batch_id = ($1).batch_id AND i.call = a.call OFFSET 0) AS i ON true
$$;
COMMENT ON FUNCTION answered_items(apex_batch, apex_answer[]) IS
    'Internal: each answer with the item of the batch that it is about, NULL if there is none.';

CREATE FUNCTION bakkt_ledger_internal.check_apex_answers(batch apex_batch, answers apex_answer[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    wrong   record;
BEGIN
    PERFORM FROM unnest(answers) AS a WHERE a.call IS NULL OR a.confirmed IS NULL;
    IF FOUND OR answers IS NULL THEN
        PERFORM refuse_invalid('an answer names a cash call and says whether it is confirmed', NULL, 'Give an array of (call, confirmed, reason, apex_reference)::apex_answer.');
    END IF;
    SELECT a.call INTO wrong FROM answered_items(batch, answers) AS a WHERE (a.item).call IS NULL ORDER BY a.call LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG082', MESSAGE = format('cash call %s is not in Apex batch "%s"', wrong.call, batch.reference),
            HINT = 'apex_batch_items() lists what was sent.';
    END IF;
    -- compared with what was answered before, and with each other
    SELECT a.call, to_jsonb(a.item) AS stored, to_jsonb(a.given) AS given INTO wrong
      FROM answered_items(batch, answers) AS a
     WHERE (a.item).confirmed IS NOT NULL
       AND ((a.item).confirmed, (a.item).reason, (a.item).apex_reference) IS DISTINCT FROM ((a.given).confirmed, (a.given).reason, (a.given).apex_reference)
     ORDER BY a.call LIMIT 1;
    IF NOT FOUND THEN
        SELECT a.call, a.former AS stored, a.given INTO wrong
          FROM (SELECT a.call, to_jsonb(a) AS given, lag(to_jsonb(a)) OVER (PARTITION BY a.call) AS former FROM unnest(answers) AS a) AS a
         WHERE a.former <> a.given
         ORDER BY a.call LIMIT 1;
    END IF;
    IF wrong.call IS NOT NULL THEN
        PERFORM refuse_other_content(format('The answer of batch "%s" to cash call', batch.reference), wrong.call::text, wrong.stored, wrong.given);
    END IF;
END;
$$;
COMMENT ON FUNCTION check_apex_answers(apex_batch, apex_answer[]) IS
    'Internal: raises LG002 for an answer without call or result, LG082 for a call that is not in the batch, LG020 for one that '
    'contradicts what was answered before or in the same message.';

-- For a withdrawal Apex owes what it has taken; for a deposit it is owed what it has paid.
-- Encumbered coin is released, unless the purchase was busted: then the bust has taken the coin.
CREATE FUNCTION bakkt_ledger_internal.apex_entry(call cash_call) RETURNS journal_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    settlement  constant account_id := ensure_account(call.client_id, 'CORP', 'Apex:settlement:' || (client_row(call.client_id)).code, asset(call.amount));
    item        constant account_id := cash_call_account(call);
    claim       text;
    lines       entry_line[];
BEGIN
    lines := CASE WHEN call.withdrawal THEN ARRAY[line('Dr', settlement, call.amount), line('Cr', item, call.amount)]
                  ELSE ARRAY[line('Dr', item, call.amount), line('Cr', settlement, call.amount)] END;
    IF call.encumbered IS NOT NULL AND call.status = 'O' THEN
        claim := 'Cust:' || (SELECT c.account_code FROM customer c WHERE c.customer_id = call.customer_id);
        lines := lines || ARRAY[line('Dr', ensure_account(call.client_id, 'CUST', claim || ':encumbered', asset(call.encumbered)), call.encumbered),
                                line('Cr', ensure_account(call.client_id, 'CUST', claim, asset(call.encumbered)), call.encumbered)];
    END IF;
    RETURN journal_entry(VARIADIC lines);
END;
$$;
COMMENT ON FUNCTION apex_entry(cash_call) IS 'Internal: the journal of a cash call that Apex has confirmed.';

CREATE FUNCTION bakkt_ledger_internal.post_apex_confirmations(batch apex_batch, calls bigint[], at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    confirmed   cash_call;
    posted      journal_result;
BEGIN
    FOR confirmed IN
        SELECT c.* FROM cash_call c JOIN apex_batch_item i ON i.client_id = c.client_id AND i.batch_id = batch.batch_id AND i.call = c.journal_id
         WHERE c.client_id = batch.client_id AND c.journal_id = ANY (calls) AND i.confirmed
         ORDER BY c.customer_id, c.journal_id
    LOOP
        posted := post_entry(confirmed.client_id, 'cash-call:' || confirmed.journal_id, 'cash_call', apex_entry(confirmed), at);
        UPDATE apex_batch_item i SET journal_id = posted.journal
         WHERE i.client_id = batch.client_id AND i.batch_id = batch.batch_id AND i.call = confirmed.journal_id;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION post_apex_confirmations(apex_batch, bigint[], timestamptz) IS
    'Internal: posts a journal for each of these calls that the batch has confirmed, under the reference that pays a call only '
    'once.';

-- Apex has moved cash for an execution that was busted meanwhile: the call becomes settled after
-- all, and a cash call of the bust gives the cash back.
CREATE FUNCTION bakkt_ledger_internal.settle_busted_call(client_id integer, call bigint, at timestamptz, event_journal bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    busted  constant cash_call := lock_cash_call(settle_busted_call.client_id, settle_busted_call.call);
    bust    bigint;
BEGIN
    SELECT j.journal_id INTO STRICT bust FROM journal j WHERE j.client_id = busted.client_id AND j.reverses = busted.journal_id;
    -- not dated before the bust that it takes back
    PERFORM record_cash_call_event(busted.client_id, busted.journal_id, 'busted', greatest(at, busted.closed_at), -busted.amount, 'CONFIRMED', bust);
    PERFORM record_cash_call_event(busted.client_id, busted.journal_id, 'settled', at, busted.amount, NULL, event_journal);
    PERFORM bust_cash_call(busted.client_id, busted.journal_id, bust, greatest(at, busted.closed_at),
                           (SELECT max(e.recorded_at) FROM cash_call_events(busted.client_id, busted.journal_id) AS e));
END;
$$;
COMMENT ON FUNCTION settle_busted_call(integer, bigint, timestamptz, bigint) IS
    'Internal: handles the answer that a busted call was settled: takes the bust of the call back (an event busted of the '
    'negative amount), settles the call and opens the bust''s cash call.';

CREATE FUNCTION bakkt_ledger_internal.apply_apex_answers(batch apex_batch, calls bigint[], at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    outstanding bigint[];
    item        record;
BEGIN
    outstanding := ARRAY(SELECT c.journal_id FROM cash_call c
                          WHERE c.client_id = batch.client_id AND c.journal_id = ANY (calls) AND c.status = 'O' ORDER BY c.journal_id);
    PERFORM post_apex_confirmations(batch, calls, at);
    PERFORM record_apex_events(batch, outstanding, at);
    FOR item IN
        SELECT i.call, i.journal_id FROM apex_batch_item i
         WHERE i.client_id = batch.client_id AND i.batch_id = batch.batch_id AND i.confirmed
           AND i.call IN (SELECT unnest(calls) EXCEPT SELECT unnest(outstanding))
         ORDER BY i.call
    LOOP
        PERFORM settle_busted_call(batch.client_id, item.call, at, item.journal_id);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION apply_apex_answers(apex_batch, bigint[], timestamptz) IS
    'Internal: posts and records what the answers of these items mean. A rejected call that was busted meanwhile needs nothing '
    'more.';

CREATE FUNCTION bakkt_ledger_internal.lock_apex_batch(client_id integer, reference text) RETURNS apex_batch
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    result  apex_batch := require_apex_batch(lock_apex_batch.client_id, lock_apex_batch.reference);
BEGIN
    PERFORM bounded_wait();
    -- an update, not only a lock: a transaction whose snapshot is older than another's message gets
    -- 40001
    UPDATE apex_batch b SET messages = b.messages + 1 WHERE b.client_id = result.client_id AND b.batch_id = result.batch_id RETURNING b.* INTO result;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION lock_apex_batch(integer, text) IS
    'Internal: the batch, so that no other message about it is recorded at the same time; LG087 if there is none.';

CREATE FUNCTION bakkt_ledger.record_apex_answers(client text, batch text, answers apex_answer[], at timestamptz DEFAULT clock_timestamp())
    RETURNS TABLE (call bigint, answer text, repeated boolean, journal bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning      constant integer := require_client(record_apex_answers.client);
    answered    apex_batch;
    given       apex_answer;
    fresh       bigint[];
BEGIN
    PERFORM bounded_wait(), require_instant(at);
    PERFORM require_batch_size(cardinality(answers));
    answered := lock_apex_batch(owning, record_apex_answers.batch);
    IF at < answered.opened_at THEN
        PERFORM refuse_invalid(format('an answer cannot be older than batch "%s"', answered.reference),
            format('It was opened at %s.', to_char(answered.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"Z"')));
    END IF;
    PERFORM check_apex_answers(answered, answers);
    fresh := ARRAY(SELECT DISTINCT a.call FROM answered_items(answered, answers) AS a WHERE (a.item).confirmed IS NULL);
    -- a call is ended only with its customer locked
    PERFORM FROM customer cu
      WHERE cu.customer_id IN (SELECT c.customer_id FROM cash_call c WHERE c.client_id = owning AND c.journal_id = ANY (fresh))
      ORDER BY cu.customer_id FOR NO KEY UPDATE;
    PERFORM lock_cash_call_events(owning);
    PERFORM FROM cash_call c WHERE c.client_id = owning AND c.journal_id = ANY (fresh) ORDER BY c.journal_id FOR NO KEY UPDATE;
    FOREACH given IN ARRAY answers LOOP
        UPDATE apex_batch_item i
           SET confirmed = given.confirmed, reason = given.reason, apex_reference = given.apex_reference, answered_at = record_apex_answers.at,
               recorded_at = clock_timestamp(), answered_by = invoking_role()
         WHERE i.client_id = owning AND i.batch_id = answered.batch_id AND i.call = given.call AND i.confirmed IS NULL;
    END LOOP;
    PERFORM apply_apex_answers(answered, fresh, at);
    RETURN QUERY
    SELECT DISTINCT a.call, CASE WHEN (a.item).confirmed THEN 'CONFIRMED' ELSE 'REJECTED' END, f.call IS NULL, (a.item).journal_id
      FROM answered_items(answered, answers) AS a LEFT JOIN unnest(fresh) AS f(call) ON f.call = a.call
     ORDER BY a.call;
END;
$$;
COMMENT ON FUNCTION record_apex_answers(text, text, apex_answer[], timestamptz) IS
    'Records what Apex has answered about cash calls of a batch, of all its items or some; all or none of the answers are '
    'recorded; a row per call. Confirmed: the call is settled by a journal, and Apex owes the money, or is owed it; rejected: '
    'it failed for that reason and is due again at the next retry time, for another batch. For an answer that came before, '
    'repeated is true and nothing is done; an answer that contradicts it raises LG020. If Apex confirms a call whose execution '
    'was busted meanwhile, the call is settled, and a cash call of the bust gives the money back. Raises LG087 unknown batch, '
    'LG082 a call that is not in it, LG002 an answer without call or result, or an instant before the batch was opened, LG010, '
    '42501, LG061; 40001 or 40P01: retry.';
