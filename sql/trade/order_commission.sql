-- Fees that have run up on orders with a fixed or a minimum fee (I18); other orders have no row.
-- Locked by client, customer and order when a trade or bust of the order is posted.

CREATE TABLE bakkt_ledger_internal.order_commission (
    client_id integer NOT NULL REFERENCES client,
    customer_id bigint NOT NULL REFERENCES customer,
    client_order_id text COLLATE "C" NOT NULL CHECK (octet_length(client_order_id) BETWEEN 1 AND 64),
    asset asset NOT NULL,
    accrued amount NOT NULL,
    charged amount NOT NULL,
    fills bigint NOT NULL,
    fee_fixed amount NOT NULL,
    fee_minimum amount NOT NULL,
    PRIMARY KEY (client_id, customer_id, client_order_id, asset)
);
COMMENT ON TABLE order_commission IS
'Running trade fees of orders with a fixed or a minimum fee; the fee of the next fill is computed from it.';
COMMENT ON COLUMN order_commission.accrued IS 'Sum of bps fees over the fills that are not busted, unrounded.';
COMMENT ON COLUMN order_commission.charged IS 'Sum of the fees paid by the fills that are not busted.';
COMMENT ON COLUMN order_commission.fills IS 'How many fills are not busted.';
COMMENT ON COLUMN order_commission.fee_fixed IS 'What the order costs once, which all of these fills name; zero without any.';
COMMENT ON COLUMN order_commission.fee_minimum IS 'What it costs at least, likewise.';
SELECT pg_catalog.pg_extension_config_dump('order_commission', '');

-- Orders whose running fees are not those of their fills that stand (I18).
CREATE FUNCTION bakkt_ledger_internal.check_order_commissions() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH fill AS (
        SELECT j.client_id, j.customer_id, client_order_id(j.terms) AS client_order_id, asset(net_money(j.terms)) AS asset,
               fee(j.terms) AS fee,
               multiply_divide(CASE side(j.terms) WHEN 'SELL' THEN abs(net_money(j.terms)) + fee(j.terms)
                                    ELSE abs(net_money(j.terms)) - fee(j.terms) END, fee_bps(j.terms), 10000, 18)
                   AS exact, fee_fixed(j.terms) AS fixed, fee_minimum(j.terms) AS minimum,
               NOT EXISTS (SELECT FROM journal AS b WHERE b.client_id = j.client_id AND b.reverses = j.journal_id) AS stands
        FROM journal AS j
        WHERE j.kind = kind_number('trade') AND client_order_id(j.terms) IS NOT NULL
          AND (sign(fee_minimum(j.terms)) > 0 OR sign(fee_fixed(j.terms)) > 0)
    ), orders AS (
        SELECT f.client_id, f.customer_id, f.client_order_id, f.asset,
               coalesce(sum(f.exact) FILTER (WHERE f.stands), zero(f.asset)) AS accrued,
               coalesce(sum(f.fee) FILTER (WHERE f.stands), zero(f.asset)) AS charged, count(*) FILTER (WHERE f.stands) AS fills,
               coalesce(max(f.fixed) FILTER (WHERE f.stands), zero(f.asset)) AS fee_fixed,
               coalesce(max(f.minimum) FILTER (WHERE f.stands), zero(f.asset)) AS fee_minimum
        FROM fill AS f
        GROUP BY f.client_id, f.customer_id, f.client_order_id, f.asset
    )
    SELECT finding('order commissions', format('Its %s fills come to %s accrued and %s charged (fixed %s, minimum %s); the row '
                                               'says %s, %s and %s (%s, %s).',
                                               o.fills, o.accrued, o.charged, o.fee_fixed, o.fee_minimum, r.fills, r.accrued,
                                               r.charged, r.fee_fixed, r.fee_minimum),
                   holder => client_name(coalesce(r.client_id, o.client_id)), of_subject => 'order_commission',
                   key => coalesce(r.client_order_id, o.client_order_id))
    FROM orders AS o
    FULL JOIN order_commission AS r ON r.client_id = o.client_id AND r.customer_id = o.customer_id
                                   AND r.client_order_id = o.client_order_id AND r.asset = o.asset
    -- an order whose fills were all refused or busted has nothing, with a row or without
    WHERE coalesce(r.fills, 0) <> coalesce(o.fills, 0)
       OR coalesce(r.accrued, zero(o.asset)) *<> coalesce(o.accrued, zero(r.asset))
       OR coalesce(r.charged, zero(o.asset)) *<> coalesce(o.charged, zero(r.asset))
       OR coalesce(r.fee_fixed, zero(o.asset)) *<> coalesce(o.fee_fixed, zero(r.asset))
       OR coalesce(r.fee_minimum, zero(o.asset)) *<> coalesce(o.fee_minimum, zero(r.asset));
END;

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('order commissions', 'check_order_commissions()', 35, 'running fees of orders are those of the fills that stand (I18)');
