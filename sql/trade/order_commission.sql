-- Fees that have run up on the orders that have a minimum fee (I18); other orders have no row.
-- Locked by client, customer and order when a trade or bust of the order is posted.

CREATE TABLE bakkt_ledger_internal.order_commission (
    client_id integer NOT NULL REFERENCES client,
    customer_id bigint NOT NULL REFERENCES customer,
    client_order_id text COLLATE "C" NOT NULL CHECK (octet_length(client_order_id) BETWEEN 1 AND 64),
    asset asset NOT NULL,
    accrued amount NOT NULL,
    charged amount NOT NULL,
    PRIMARY KEY (client_id, customer_id, client_order_id, asset)
);
COMMENT ON TABLE order_commission IS
'Running trade fees of orders with a minimum fee; the fee of the next fill is computed from it.';
COMMENT ON COLUMN order_commission.accrued IS 'Sum of bps and fixed fees over the fills that are not busted, unrounded.';
COMMENT ON COLUMN order_commission.charged IS 'Sum of the fees paid by the fills that are not busted.';
SELECT pg_catalog.pg_extension_config_dump('order_commission', '');
