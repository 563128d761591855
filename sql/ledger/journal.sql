-- The journal, the balances of limited accounts, refused requests: the tables of posting. Only the
-- posting function (src/ledger/post.c, called through ledger/post.sql) writes them. It writes
-- tuples directly, so the statement triggers below, which refuse everybody else (LG066), cost it
-- nothing. No trigger derives data: the triggers of an extension's tables exist before a dump's
-- rows arrive.

-- The kinds of journal; the number of a kind is its place in the array.
CREATE FUNCTION bakkt_ledger_internal.journal_kinds() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY['general', 'reversal', 'trade', 'trade_bust', 'coin_deposit', 'coin_withdrawal', 'provider_settlement',
                 'novation',
                 'settlement_wire', 'transfer', 'opening', 'cash_deposit', 'cash_withdrawal', 'manual', 'fee', 'hold_capture',
                 'cash_call', 'fbo_transfer', 'cash_return', 'cash_write_off', 'cash_recovery', 'apex_wire',
                 'revenue_share', 'share_payout', 'deficit_write_off'];

-- The number that stands for a kind in journal.kind; src/ledger/request.h has the same.
CREATE FUNCTION bakkt_ledger_internal.kind_number(name text) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_position(journal_kinds(), name)::smallint;

CREATE TABLE bakkt_ledger_internal.journal_kind (
    kind smallint PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);
COMMENT ON TABLE journal_kind IS 'The kinds of journal: numbers in the rows, names in the API.';
INSERT INTO journal_kind
SELECT kind_number(k), k FROM unnest(journal_kinds()) AS k;

CREATE SEQUENCE bakkt_ledger_internal.record_number;
COMMENT ON SEQUENCE record_number IS
    'Numbers of journals, refusals, events and requests, over all clients. Their order is not that of commits: read the feed, '
    'which goes by block.';
SELECT pg_catalog.pg_extension_config_dump('record_number', '');

CREATE TABLE bakkt_ledger_internal.journal (
    client_id integer NOT NULL,
    actor_id integer NOT NULL,
    journal_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    customer_id bigint,
    reverses bigint,
    kind smallint NOT NULL,
    reference text COLLATE "C" NOT NULL,
    entry journal_entry NOT NULL,
    terms execution_terms,
    description text COLLATE "C",
    CONSTRAINT journal_pkey PRIMARY KEY (client_id, journal_id),
    CONSTRAINT journal_reference_key UNIQUE (client_id, reference)
);
-- a customer's journals in order of time: a statement of a day reads only that day's journals
CREATE INDEX journal_customer_idx ON journal (customer_id, recorded_at);
-- journals are recorded almost in order of time, so BRIN finds an hour at a tenth of a b-tree's
-- cost
CREATE INDEX journal_time_idx ON journal USING brin (recorded_at) WITH (pages_per_range = 64);
-- executions since an instant, which every call of the live net position reads
CREATE INDEX journal_effective_idx ON journal (client_id, effective_at);
CREATE INDEX journal_reverses_idx ON journal (client_id, reverses) WHERE reverses IS NOT NULL;
ALTER TABLE journal ALTER COLUMN entry SET STORAGE EXTENDED;
COMMENT ON TABLE journal IS
'Every movement of money or coin: one row, whose entry cannot be out of balance (I1). Append-only (I3).';
COMMENT ON COLUMN journal.recorded_at IS
'When the ledger recorded it: taken after the account locks, later than the last of every limited account it touches (I26).';
COMMENT ON COLUMN journal.effective_at IS 'When it happened in the world, as the caller says; a trade''s execution time.';
COMMENT ON COLUMN journal.customer_id IS 'The first customer whose account it touches; further ones are in journal_party.';
COMMENT ON COLUMN journal.reverses IS 'The journal that this one takes back, whole or in part.';
COMMENT ON COLUMN journal.terms IS 'Of a trade or bust: price, quantity, counterparty and how the money was computed.';
SELECT pg_catalog.pg_extension_config_dump('journal', '');

CREATE TABLE bakkt_ledger_internal.journal_party (
    client_id integer NOT NULL,
    journal_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    PRIMARY KEY (client_id, journal_id, customer_id)
);
CREATE INDEX journal_party_customer_idx ON journal_party (customer_id);
COMMENT ON TABLE journal_party IS
'The second and further customers of a journal, so that a statement of any customer is an index look-up.';
SELECT pg_catalog.pg_extension_config_dump('journal_party', '');

CREATE TABLE bakkt_ledger_internal.rejection (
    client_id integer NOT NULL,
    actor_id integer NOT NULL,
    rejection_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    effective_at timestamptz,
    reverses bigint,
    kind smallint NOT NULL,
    reference text COLLATE "C" NOT NULL,
    sqlstate text COLLATE "C" NOT NULL,
    message text COLLATE "C" NOT NULL,
    detail text COLLATE "C",
    hint text COLLATE "C",
    facts jsonb,
    entry journal_entry,
    terms execution_terms,
    description text COLLATE "C",
    CONSTRAINT rejection_pkey PRIMARY KEY (client_id, reference),
    CONSTRAINT rejection_number_key UNIQUE (client_id, rejection_id)
);
COMMENT ON TABLE rejection IS 'Refused requests with their whole content: the same reference always gets the same refusal.';
COMMENT ON COLUMN rejection.effective_at IS 'As given by the caller; NULL when none was given.';
COMMENT ON COLUMN rejection.facts IS 'What a program needs to know of it: what it takes, what is there, whose.';
COMMENT ON COLUMN rejection.rejection_id IS 'From the sequence that also numbers journals.';
SELECT pg_catalog.pg_extension_config_dump('rejection', '');

CREATE TABLE bakkt_ledger_internal.balance (
    client_id integer NOT NULL,
    account account_id NOT NULL,
    customer_id bigint,
    normal_debit boolean NOT NULL,
    status "char" NOT NULL DEFAULT 'O' CHECK (status IN ('O', 'D', 'C', 'X')),
    posted amount NOT NULL,
    held amount NOT NULL,
    floor amount,
    version bigint NOT NULL DEFAULT 0,
    last_recorded_at timestamptz NOT NULL DEFAULT '-infinity',
    CONSTRAINT balance_pkey PRIMARY KEY (client_id, account)
) WITH (fillfactor = 50);
COMMENT ON TABLE balance IS
'Balances of limited accounts, locked and updated by posting. House accounts have no row: their balance is that of the last block
plus the unsealed journals.';
COMMENT ON COLUMN balance.status IS 'O open, D debit-frozen, C credit-frozen, X closed; account.status in one letter.';
COMMENT ON COLUMN balance.posted IS 'Sum of all lines, debit positive.';
COMMENT ON COLUMN balance.held IS 'Sum of open holds, not negative.';
COMMENT ON COLUMN balance.floor IS 'Least available balance in natural sign; NULL means zero.';
COMMENT ON COLUMN balance.version IS 'How many journals have touched the account.';
SELECT pg_catalog.pg_extension_config_dump('balance', '');

SELECT refuse_writes('journal', 'INSERT OR UPDATE OR DELETE OR TRUNCATE');
SELECT refuse_writes('journal_party', 'INSERT OR UPDATE OR DELETE OR TRUNCATE');
SELECT refuse_writes('rejection', 'INSERT OR UPDATE OR DELETE OR TRUNCATE');
SELECT refuse_writes('balance', 'INSERT OR UPDATE OR DELETE OR TRUNCATE');
