-- View execution: executions and busts as rows; a caller sees those of its clients.

CREATE VIEW bakkt_ledger.execution WITH (security_invoker = true) AS
    SELECT l.code AS client, u.customer_code AS customer, j.reference, k.name AS kind, i.symbol, side(j.terms) AS side,
           quantity(j.terms) AS quantity, price(j.terms) AS price, net_money(j.terms) AS net_money, fee(j.terms) AS fee,
           p.code AS provider, provider_price(j.terms) AS provider_price, provider_money(j.terms) AS provider_money,
           revenue(j.terms) AS revenue, revenue_share(j.terms) AS revenue_share, funding_model(j.terms) AS funding_model,
           client_order_id(j.terms) AS client_order_id, j.effective_at AS executed_at, j.recorded_at, j.journal_id AS journal,
           busts(j.terms) AS busts, b.journal_id AS busted_by, corrects(j.terms) AS corrects, j.description AS reason, j.terms
    FROM journal AS j
    JOIN client AS l ON l.client_id = j.client_id
    JOIN customer AS u ON u.customer_id = j.customer_id
    JOIN journal_kind AS k ON k.kind = j.kind
    JOIN instrument AS i ON i.instrument_id = instrument_id(j.terms)
    JOIN provider AS p ON p.provider_id = provider_id(j.terms)
    LEFT JOIN journal AS b ON b.client_id = j.client_id AND b.reverses = j.journal_id AND b.kind = kind_number('trade_bust')
    WHERE j.kind IN (kind_number('trade'), kind_number('trade_bust'));
COMMENT ON VIEW execution IS
'Executions (kind trade) and their busts (trade_bust).
Money and quantity as recorded: net_money positive = the customer or client owes; all amounts of a bust except quantity and prices
are negated. busts, busted_by and corrects are journals.';
