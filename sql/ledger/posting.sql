-- View posting: the lines of all journals as rows. A journal with several customers shows the house
-- lines under its first. Predicates on client, customer and recorded_at reach the journal's
-- indexes.

-- Accounts are joined by number alone: joined by client too, the planner would read all accounts of
-- the client for every journal.
CREATE VIEW bakkt_ledger.posting WITH (security_invoker = true) AS
    SELECT c.code AS client, cu.customer_code AS customer, j.journal_id AS journal, k.name AS kind, j.reference,
           l.line, l.account, a.fund, a.name, l.amount, l.debit, l.credit,
           j.recorded_at, j.effective_at, j.reverses, j.description, j.client_id, j.customer_id
      FROM journal j
      JOIN client c ON c.client_id = j.client_id
      JOIN journal_kind k ON k.kind = j.kind
      LEFT JOIN customer cu ON cu.customer_id = j.customer_id
      CROSS JOIN LATERAL lines(j.entry) l
      JOIN account a ON a.account = l.account AND a.client_id + 0 = j.client_id
     WHERE a.customer_id IS NULL OR a.customer_id IS NOT DISTINCT FROM j.customer_id
    UNION ALL
    SELECT c.code, cu.customer_code, j.journal_id, k.name, j.reference,
           l.line, l.account, a.fund, a.name, l.amount, l.debit, l.credit,
           j.recorded_at, j.effective_at, j.reverses, j.description, j.client_id, p.customer_id
      FROM journal_party p
      JOIN journal j ON j.client_id = p.client_id AND j.journal_id = p.journal_id
      JOIN client c ON c.client_id = j.client_id
      JOIN journal_kind k ON k.kind = j.kind
      JOIN customer cu ON cu.customer_id = p.customer_id
      CROSS JOIN LATERAL lines(j.entry) l
      JOIN account a ON a.account = l.account AND a.client_id + 0 = j.client_id AND a.customer_id = p.customer_id;
COMMENT ON VIEW posting IS
'The lines of all journals: client, customer, journal, account, amount signed (debit positive), debit and credit.';
