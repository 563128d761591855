-- The chart of accounts (doc/chart-of-accounts.md).

CREATE TABLE bakkt_ledger_internal.account_kind (
    kind text PRIMARY KEY,
    fund text NOT NULL CHECK (fund IN ('FBO', 'CUST', 'SEG', 'CORP')),
    name_pattern text NOT NULL,
    first_part text NOT NULL GENERATED ALWAYS AS (pg_catalog."substring"(name_pattern, '^\^([A-Za-z]+)')) STORED,
    class text NOT NULL CHECK (class IN ('claim', 'control', 'residual', 'clearing', 'mirror', 'receivable', 'payable',
                                         'revenue', 'expense', 'equity', 'suspense', 'other')),
    normal_side text NOT NULL CHECK (normal_side IN ('debit', 'credit')),
    limited boolean NOT NULL GENERATED ALWAYS AS (class = 'claim' OR kind = 'fbo_due_to_corp') STORED,
    alone boolean NOT NULL GENERATED ALWAYS AS (kind IN (
        'fbo_settled', 'fbo_held', 'cust_coin', 'seg_customer', 'corp_network_cost', 'corp_bank_cost', 'corp_rent',
        'corp_operating_cost', 'corp_rounding', 'corp_merchant_payable')) STORED,
    settled_last boolean NOT NULL GENERATED ALWAYS AS (
        fund <> 'CORP' OR class NOT IN ('control', 'revenue', 'expense', 'equity') AND kind <> 'corp_client_memo') STORED,
    mirror text,
    party text CHECK (party IN ('customer', 'provider')),
    for_client boolean NOT NULL GENERATED ALWAYS AS (coalesce(party = 'customer', false) OR kind IN (
        'corp_client_settlement', 'corp_client_obligation', 'corp_client_unapplied', 'corp_revenue_share', 'corp_client_memo',
        'corp_apex_receivable', 'corp_apex_payable', 'corp_apex_settlement')) STORED,
    meaning text NOT NULL,
    UNIQUE (fund, name_pattern)
);
COMMENT ON TABLE account_kind IS
'The chart of accounts: which names exist in which fund and what they mean. Shipped with the extension.';
COMMENT ON COLUMN account_kind.name_pattern IS 'Regular expression for the whole name; a name matches one kind of its fund.';
COMMENT ON COLUMN account_kind.first_part IS 'What the name begins with, up to the first colon.';
COMMENT ON COLUMN account_kind.normal_side IS 'Side on which the balance is shown positive.';
COMMENT ON COLUMN account_kind.limited IS
'Claims, and the company''s own money among customers'' (FBO DueTo:CORP): the balance is kept in a row, locked when posted, and
never goes debit (I5).';
COMMENT ON COLUMN account_kind.alone IS
'One person may post to it by hand: what one customer may use or has set aside, ordinary expenses, and what is owed for them.
Everything else takes two people (LG068).';
COMMENT ON COLUMN account_kind.settled_last IS
'An asset is retired only when these are zero in it: what somebody claims, or owes, or is under way. Not the company''s own coin,
money and results, and not what is settled outside.';
COMMENT ON COLUMN account_kind.mirror IS 'Accounts with the same text net to zero per asset inside every journal (I7).';
COMMENT ON COLUMN account_kind.for_client IS
'The client sees accounts of the kind: its customers'', its own settlement and share; never banks, providers or revenue.';
COMMENT ON COLUMN account_kind.party IS
'Whose code is the second or third part of the name: a customer''s or a liquidity provider''s.';

INSERT INTO account_kind (kind, fund, name_pattern, class, normal_side, mirror, party, meaning) VALUES
    ('fbo_bank', 'FBO', '^Bank:omnibus(:[^:]+)?$', 'control', 'debit', NULL, NULL,
     'customer money at a bank; agrees with its statements'),
    ('fbo_ach_in', 'FBO', '^Clearing:ACH-in$', 'clearing', 'debit', NULL, NULL,
     'ACH debits originated, not yet on the statement'),
    ('fbo_card_in', 'FBO', '^Clearing:card-in$', 'clearing', 'debit', NULL, NULL,
     'payments by card authorized, not yet paid out by the processor'),
    ('fbo_ach_out', 'FBO', '^Clearing:ACH-out$', 'clearing', 'credit', NULL, NULL,
     'ACH credits originated, not yet on the statement'),
    ('fbo_wire_in', 'FBO', '^Clearing:wire-in$', 'clearing', 'debit', NULL, NULL, 'wires advised, not yet on the statement'),
    ('fbo_wire_out', 'FBO', '^Clearing:wire-out$', 'clearing', 'credit', NULL, NULL, 'wires sent, not yet on the statement'),
    ('fbo_business_transfer', 'FBO', '^Clearing:business-transfer$', 'clearing', 'credit', NULL, NULL,
     'transfers to the business account that the bank has not confirmed'),
    ('fbo_inter_bank', 'FBO', '^Clearing:inter-bank$', 'clearing', 'debit', NULL, NULL, 'money between two omnibus banks'),
    ('fbo_settled', 'FBO', '^Cust:[^:]+:settled$', 'claim', 'credit', NULL, 'customer', 'money that the customer may use'),
    ('fbo_unsettled', 'FBO', '^Cust:[^:]+:unsettled$', 'claim', 'credit', NULL, 'customer',
     'money received that may still be returned'),
    ('fbo_held', 'FBO', '^Cust:[^:]+:held$', 'claim', 'credit', NULL, 'customer', 'money set aside for the customer'),
    ('fbo_escheated', 'FBO', '^Cust:state:[A-Z]{2}$', 'claim', 'credit', NULL, NULL, 'unclaimed money that belongs to a state'),
    ('fbo_unidentified', 'FBO', '^Suspense:unidentified$', 'claim', 'credit', NULL, NULL,
     'money received whose owner is not known yet: a claim'),
    ('fbo_interest', 'FBO', '^Suspense:interest-unallocated$', 'suspense', 'credit', NULL, NULL, 'interest not yet allocated'),
    ('fbo_residual', 'FBO', '^ResidualInterest:company$', 'residual', 'credit', 'residual interest', NULL,
     'the company''s own cushion in the omnibus account'),
    ('cust_wallet_omnibus', 'CUST', '^Wallet:omnibus$', 'control', 'debit', NULL, NULL, 'customer coin in the omnibus wallet'),
    ('cust_wallet_deposit', 'CUST', '^Wallet:deposit-addresses$', 'control', 'debit', NULL, NULL,
     'customer coin on deposit addresses'),
    ('cust_wallet_warehouse', 'CUST', '^Wallet:warehouse$', 'control', 'debit', NULL, NULL, 'customer coin in the warehouse'),
    ('cust_wallet_custodian', 'CUST', '^Wallet:sub-custodian:[^:]+$', 'control', 'debit', NULL, NULL,
     'customer coin at a sub-custodian'),
    ('cust_coin', 'CUST', '^Cust:[^:]+$', 'claim', 'credit', NULL, 'customer', 'coin that the customer may use'),
    ('cust_encumbered', 'CUST', '^Cust:[^:]+:encumbered$', 'claim', 'credit', NULL, 'customer',
     'coin bound until it is paid for'),
    ('cust_pending', 'CUST', '^Cust:[^:]+:pending$', 'claim', 'credit', NULL, 'customer', 'coin received, not yet confirmed'),
    ('cust_escheated', 'CUST', '^Cust:state:[A-Z]{2}$', 'claim', 'credit', NULL, NULL, 'unclaimed coin that belongs to a state'),
    ('cust_unidentified', 'CUST', '^Suspense:unidentified$', 'claim', 'credit', NULL, NULL,
     'coin received whose owner is not known yet: a claim'),
    ('cust_in_flight', 'CUST', '^InFlight:withdrawal$', 'clearing', 'credit', NULL, NULL,
     'coin sent, not yet confirmed by the chain'),
    ('seg_bank', 'SEG', '^Bank:segregated(:[^:]+)?$', 'control', 'debit', NULL, NULL,
     'futures money at a bank; agrees with its statements'),
    ('seg_variation', 'SEG', '^CCP:variation$', 'clearing', 'debit', NULL, NULL, 'variation margin due from the clearing house'),
    ('seg_delivery', 'SEG', '^CCP:delivery-payable$', 'payable', 'credit', NULL, NULL,
     'owed to the clearing house for delivered coin'),
    ('seg_fees', 'SEG', '^CCP:fees-payable$', 'payable', 'credit', NULL, NULL, 'owed to the clearing house for fees'),
    ('seg_customer', 'SEG', '^Cust:[^:]+$', 'claim', 'credit', NULL, 'customer', 'futures money of the customer'),
    ('corp_bank', 'CORP', '^Bank:operating(:[^:]+)?$', 'control', 'debit', NULL, NULL, 'the company''s own money at a bank'),
    ('corp_wallet', 'CORP', '^Wallet:company$', 'control', 'debit', NULL, NULL, 'the company''s own coin'),
    ('corp_fbo_transfer', 'CORP', '^Clearing:FBO-transfer$', 'clearing', 'debit', NULL, NULL,
     'money of the company between its bank and the FBO account, not confirmed by the bank'),
    ('corp_equity', 'CORP', '^Equity$', 'equity', 'credit', NULL, NULL, 'paid-in capital'),
    ('corp_residual', 'CORP', '^ResidualInterestInFBO$', 'residual', 'debit', 'residual interest', NULL,
     'the company''s cushion in the omnibus account'),
    ('corp_tpj_receivable', 'CORP', '^TPJ:receivable:[^:]+$', 'receivable', 'debit', NULL, 'customer',
     'cash calls: what a customer owes for purchases'),
    ('corp_tpj_payable', 'CORP', '^TPJ:payable:[^:]+$', 'payable', 'credit', NULL, 'customer',
     'cash calls: sale proceeds owed to a customer'),
    ('corp_deficit', 'CORP', '^CustomerDeficit:[^:]+$', 'receivable', 'debit', NULL, 'customer',
     'money or coin taken back after the customer had spent it'),
    ('corp_provider_receivable', 'CORP', '^LP:receivable:[^:]+$', 'receivable', 'debit', NULL, 'provider',
     'money a liquidity provider owes for coin sold to it'),
    ('corp_provider_payable', 'CORP', '^LP:payable:[^:]+$', 'payable', 'credit', NULL, 'provider',
     'money owed to a liquidity provider for coin bought'),
    ('corp_provider_coin_receivable', 'CORP', '^LP:coin-receivable:[^:]+$', 'receivable', 'debit', NULL, 'provider',
     'coin a liquidity provider must deliver'),
    ('corp_provider_coin_payable', 'CORP', '^LP:coin-payable:[^:]+$', 'payable', 'credit', NULL, 'provider',
     'coin owed to a liquidity provider'),
    ('corp_provider_net', 'CORP', '^LP:net:[^:]+:[^:]+$', 'payable', 'credit', NULL, 'provider',
     'novated net of a window: owed to the liquidity provider when credit'),
    ('corp_provider_unapplied', 'CORP', '^LP:unapplied:[^:]+$', 'payable', 'credit', NULL, 'provider',
     'money and coin of a liquidity provider that nothing was owed for'),
    ('corp_client_settlement', 'CORP', '^Client:settlement:[^:]+$', 'receivable', 'debit', NULL, NULL,
     'net settlement position: positive when the client owes'),
    ('corp_client_obligation', 'CORP', '^Client:obligation:[^:]+:[^:]+$', 'receivable', 'debit', NULL, NULL,
     'novated net of a window: positive when the client owes'),
    ('corp_client_unapplied', 'CORP', '^Client:unapplied:[^:]+$', 'payable', 'credit', NULL, NULL,
     'money of the client that nothing was owed for'),
    ('corp_client_memo', 'CORP', '^Client:memo:[^:]+$', 'receivable', 'debit', NULL, NULL,
     'trades of NO_SETTLEMENT customers, whose cash is settled outside: never called or wired'),
    ('corp_apex_receivable', 'CORP', '^Apex:receivable:[^:]+$', 'receivable', 'debit', NULL, NULL,
     'what Apex owes for purchases by a client''s customers'),
    ('corp_apex_payable', 'CORP', '^Apex:payable:[^:]+$', 'payable', 'credit', NULL, NULL,
     'sale proceeds owed to Apex for a client''s customers'),
    ('corp_apex_settlement', 'CORP', '^Apex:settlement:[^:]+$', 'receivable', 'debit', NULL, NULL,
     'cash calls that Apex has confirmed, not yet wired: positive when Apex owes'),
    ('corp_wire_out', 'CORP', '^Clearing:wire-out$', 'clearing', 'credit', NULL, NULL,
     'the company''s own wires sent, not yet on the statement'),
    ('corp_revenue_share', 'CORP', '^RevShare:payable:[^:]+$', 'payable', 'credit', NULL, NULL, 'the client''s share of revenue'),
    ('corp_revenue_markup', 'CORP', '^Revenue:markup$', 'revenue', 'credit', NULL, NULL, 'markup in trade prices'),
    ('corp_revenue_trade_fee', 'CORP', '^Revenue:trade-fee$', 'revenue', 'credit', NULL, NULL, 'itemised trade fees'),
    ('corp_revenue_stablecoin', 'CORP', '^Revenue:stablecoin-fee$', 'revenue', 'credit', NULL, NULL,
     'fees for minting and redeeming'),
    ('corp_revenue_merchant', 'CORP', '^Revenue:merchant-fee$', 'revenue', 'credit', NULL, NULL, 'fees of merchants'),
    ('corp_revenue_network', 'CORP', '^Revenue:network-fee$', 'revenue', 'credit', NULL, NULL,
     'quoted network fees above their cost'),
    ('corp_revenue_return_fee', 'CORP', '^Revenue:return-fee$', 'revenue', 'credit', NULL, NULL,
     'fees for returned ACH deposits'),
    ('corp_adjustment', 'CORP', '^Expense:customer-adjustment$', 'expense', 'debit', NULL, NULL,
     'manual adjustments of customers'' cash'),
    ('corp_bad_debt', 'CORP', '^Expense:bad-debt$', 'expense', 'debit', NULL, NULL, 'receivables written off'),
    ('corp_network_cost', 'CORP', '^Expense:network-fee$', 'expense', 'debit', NULL, NULL, 'network fees the company bears'),
    ('corp_bank_cost', 'CORP', '^Expense:bank-fee$', 'expense', 'debit', NULL, NULL, 'bank fees'),
    ('corp_rent', 'CORP', '^Expense:rent$', 'expense', 'debit', NULL, NULL, 'rent'),
    ('corp_operating_cost', 'CORP', '^Expense:operating$', 'expense', 'debit', NULL, NULL, 'other cost of running the company'),
    ('corp_loss', 'CORP', '^Loss$', 'expense', 'debit', NULL, NULL, 'coin or money lost or stolen that the company makes good'),
    ('corp_rounding', 'CORP', '^Rounding$', 'expense', 'debit', NULL, NULL, 'differences of rounding'),
    ('corp_mint_payable', 'CORP', '^Issuer:mint-payable$', 'payable', 'credit', NULL, NULL, 'money owed to an issuer for tokens'),
    ('corp_token_receivable', 'CORP', '^Issuer:token-receivable$', 'receivable', 'debit', NULL, NULL,
     'tokens an issuer must mint'),
    ('corp_redeem_receivable', 'CORP', '^Issuer:redeem-receivable$', 'receivable', 'debit', NULL, NULL,
     'money an issuer owes for redeemed tokens'),
    ('corp_merchant_payable', 'CORP', '^Merchant:payable:[^:]+$', 'payable', 'credit', NULL, NULL, 'money owed to a merchant');

-- Value crosses funds only through a pair of accounts: what f owes g stands in f as DueTo:g and in
-- g as DueFrom:f (I7).
INSERT INTO account_kind (kind, fund, name_pattern, class, normal_side, mirror, meaning)
SELECT pg_catalog.lower(side.owner || side.stem || side.other), side.owner, '^' || side.prefix || side.other || '$',
       'mirror', side.normal,
       debtor || ' owes ' || creditor, 'what fund ' || debtor || ' owes to fund ' || creditor
FROM pg_catalog.unnest('{FBO,CUST,SEG,CORP}'::text[]) AS debtor,
     pg_catalog.unnest('{FBO,CUST,SEG,CORP}'::text[]) AS creditor,
     LATERAL (VALUES (debtor, creditor, '_due_to_', 'DueTo:', 'credit'),
                     (creditor, debtor, '_due_from_', 'DueFrom:', 'debit')) AS side (owner, other, stem, prefix, normal)
WHERE debtor <> creditor;

-- An amount on an account of that kind, debit positive, as a balance in natural sign: positive on
-- its normal side.
CREATE FUNCTION bakkt_ledger_internal.natural_balance(its account_kind, posted amount) RETURNS amount
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE its.normal_side WHEN 'debit' THEN posted ELSE -posted END;

CREATE FUNCTION bakkt_ledger_internal.account_kind_of(fund text, name text) RETURNS account_kind
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_kind account_kind;
BEGIN
    SELECT k.* INTO found_kind
    FROM account_kind AS k
    WHERE k.fund = account_kind_of.fund AND k.first_part = split_part(name, ':', 1) AND name ~ k.name_pattern;
    IF NOT FOUND THEN
        PERFORM refuse('LG034', format('account name "%s" is not in the chart of accounts of fund "%s"',
                                       coalesce(name, 'NULL'), coalesce(fund, 'NULL')),
                       NULL, 'View account_kind lists the names of each fund.', jsonb_build_object('fund', fund, 'name', name));
    END IF;
    RETURN found_kind;
END;
$$;
