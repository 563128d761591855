"""The ledger against the model, at the end of each day and of the quarter."""

from exact import Decimal, text
from psql import literal
from quarter_books import DAY, instant, stamp, usd
from quarter_model import LATER
from workload import Difference, expect


def moment(column):
    return "CASE WHEN %s > '2026-06-01' THEN 'later' ELSE %s END" % (column, instant(column))


def shown(at):
    return None if at is None else 'later' if at >= LATER else stamp(at)


def row(*values):
    return '|'.join('' if v is None else str(v) for v in values)


def columns(*expressions):
    return 'concat_ws(%s)' % ', '.join(["'|'"] + ["coalesce((%s)::text, '')" % e for e in expressions])


HEADER = ('tpj_id,account_id,direction,side,symbol,execution_id,client_order_id,quantity,price,net_money,executed_at,'
          'first_attempt_at,last_attempt_at,attempts,last_failure_reason,age_days,bucket,tpj_status')


def file_instant(at):
    """ISO 8601 to the millisecond below."""
    return at.strftime('%Y-%m-%dT%H:%M:%S.') + '%03dZ' % (at.microsecond // 1000) if at else ''


def aged_line(listed):
    """A row of the aged list as a line of its file."""
    call = listed['call']
    terms = call.terms
    plain = lambda value: text(value, '')[:-1]
    return ','.join(map(str, (call.journal, call.customer.code, listed['direction'], terms.side, terms.coin + 'USD', call.reference, '', plain(terms.quantity), plain(terms.price),
                              plain(Decimal(call.amount).scaleb(-2)), file_instant(call.called_at), file_instant(listed['first']), file_instant(listed['last']), listed['attempts'],
                              listed['reason'] or '', listed['age'], listed['bucket'], 'Not Settled')))


def call_row(call, at):
    """A call at an instant, as cash_calls() tells it; conservation (I13) is the model's own sum."""
    settled, outstanding, written_off, recovered, busted = call.sums(at)
    assert call.amount == settled + outstanding + written_off - recovered + busted, call.reference
    tried = call.attempts(at)
    status = 'OUTSTANDING' if outstanding else 'RECOVERED' if written_off and recovered == written_off else 'WRITTEN_OFF' if written_off else 'SETTLED'
    return row(call.customer.code, call.reference, 'Withdrawal' if call.withdrawal else 'Deposit', *map(usd, (call.amount, settled, outstanding, written_off, recovered, busted)),
               status, len(tried), tried[-1][3] if tried else None)


class Comparison:
    def __init__(self, session, work):
        self.session, self.work, self.model = session, work, work.model
        self.accounts = self.printed = 0
        self.events_known = "'-infinity'"
        self.lists = []             # (client, kind, day, text) as printed on the day

    def figures(self):
        count = self.model.counts
        return '%d trades, %d cash calls, %d attempts, %d accounts agree' % (count.get('trades', 0), count.get('cash calls', 0), count.get('attempts', 0), self.accounts)

    def lines(self, query):
        answer = self.session.run([query])[0]
        if answer.failed:
            raise Difference('%s\n%s' % (query, answer.text))
        return answer.text.splitlines()

    def same(self, what, mine, stored):
        mine, stored = set(mine), set(stored)
        if mine != stored:
            raise Difference('%s differ; those of the model (%d):\n%s\nthose of the ledger (%d):\n%s' % (
                what, len(mine - stored), '\n'.join(sorted(mine - stored)[:12]), len(stored - mine), '\n'.join(sorted(stored - mine)[:12])))

    def nothing(self, query):
        found = self.lines(query)
        if found:
            raise Difference('%s finds:\n%s' % (query, '\n'.join(found[:20])))

    # -- every day -----------------------------------------------------

    def day(self):
        self.print_lists()
        self.balances()
        self.events()
        self.outstanding()
        self.model.prove()
        self.proofs()
        self.samples()
        for client in self.model.clients.values():
            client.closed_lately.clear()

    def balances(self):
        """Every account of every client that is not empty: balance and hold."""
        stored = []
        for client in self.model.clients:
            stored += self.lines(
                "SELECT concat_ws('|', '%s', fund, n.name, sum(CASE normal_side WHEN 'debit' THEN balance ELSE -balance END),"
                " CASE WHEN bool_or(sign(held) <> 0) THEN sum(held)::text ELSE '' END) FROM balances('%s') b,"
                " LATERAL (SELECT CASE WHEN b.name ~ '^(LP|Client):' THEN split_part(b.name, ':', 1) || ':' || split_part(b.name, ':', 3) ELSE b.name END) AS n (name)"
                " WHERE sign(balance) <> 0 OR sign(held) <> 0 GROUP BY fund, n.name, asset(balance)"
                " HAVING sign(sum(CASE normal_side WHEN 'debit' THEN balance ELSE -balance END)) <> 0 OR bool_or(sign(held) <> 0)" % (client, client))
        self.same('balances', self.model.books.lines(), stored)
        self.accounts = len(stored)

    def events(self):
        """Every attempt and whatever else happened to a call since the last time."""
        stored = self.lines('SELECT %s FROM (SELECT v.*, row_number() OVER (PARTITION BY v.client_id, v.subject_key ORDER BY v.event_id) AS event_no'
                            " FROM event v WHERE v.subject = 'cash_call') e"
                            ' JOIN client c USING (client_id) JOIN journal j ON j.client_id = c.client_id AND j.journal_id = e.subject_key::bigint WHERE e.recorded_at > %s' % (
            columns('c.code', 'j.reference', 'e.event_no', 'e.event', moment('e.at'), 'e.amount', 'e.reason'), self.events_known))
        self.same('events of cash calls', [row(call.customer.client.code, call.reference, number, event, shown(at), usd(amount), reason)
                                           for call, number, event, at, amount, reason in self.model.news], stored)
        self.model.news.clear()
        self.events_known = self.lines("SELECT quote_literal(%s) FROM event WHERE subject = 'cash_call'" % instant('max(recorded_at)'))[0] or self.events_known

    def outstanding(self):
        """Every outstanding call: when it is due next and how often it was tried."""
        stored = self.lines("SELECT %s FROM cash_call k JOIN client c USING (client_id) JOIN journal j USING (client_id, journal_id) WHERE k.status = 'O'" % (
            columns('c.code', 'j.reference', 'k.withdrawal', 'k.amount', moment('k.called_at'), moment('k.due_at'), 'k.attempts')))
        self.same('outstanding cash calls', [row(client.code, call.reference, str(call.withdrawal).lower(), usd(call.amount), shown(call.called_at),
                                                 shown(call.due_at), call.tried) for client in self.model.clients.values() for call in client.open_calls.values()], stored)

    def proofs(self):
        """The ledger's own checks: of every FBO account (I8), and of every call (I13) of one client after the other."""
        self.nothing('SELECT * FROM check_fbo()')
        clients = list(self.model.clients)
        self.nothing('SELECT * FROM check_cash_calls(%s)' % literal(clients[self.work.day.toordinal() % len(clients)]))

    def fbo_accounts(self):
        """The proof of the FBO accounts has the model's figures."""
        total = {}
        for (client, fund, name, _), units in self.model.books.balance.items():
            if fund == 'FBO':
                part = client, name.split(':')[0] if not name.startswith('Due') else name
                total[part] = total.get(part, 0) + units
        of = lambda client, *parts: sum(total.get((client, part), 0) for part in parts)
        mine = [row(c, usd(of(c, 'Bank')), usd(of(c, 'DueFrom:CORP')), usd(-of(c, 'DueTo:CORP')), usd(-of(c, 'Cust', 'Suspense')), usd(0), usd(0))
                for c, client in self.model.clients.items() if client.model == 'BAKKT_TPJ']
        self.same('proofs of the FBO accounts', mine, self.lines('SELECT %s FROM fbo_proof()' % columns(
            'client', 'control', 'due_from_company', 'due_to_company', 'claims', 'difference', 'claims_in_debit')))

    def decade(self):
        """What takes longer, now and then: every call as the ledger tells it, deficits, the funding flow."""
        self.nothing('SELECT * FROM check_funding()')
        self.nothing('SELECT * FROM check_cash_calls()')
        self.fbo_accounts()
        self.deficits()
        now = self.work.now
        mine, stored = [], []
        for client in self.model.clients.values():
            if client.called:
                mine += [call_row(call, now) for customer in client.customers for call in customer.known_calls if call.called_at <= now]
                stored += self.lines('SELECT %s FROM cash_calls(%s, at => %s)' % (columns(
                    'customer', 'reference', 'direction', 'net_money', 'settled', 'outstanding', 'written_off', 'recovered', 'busted', 'status', 'attempts', 'last_reason'),
                    literal(client.code), literal(stamp(now))))
        self.same('cash calls', mine, stored)

    def deficits(self):
        mine = [row(client, name.split(':')[1], usd(units)) for (client, fund, name, _), units in self.model.books.balance.items()
                if name.startswith('CustomerDeficit:') and units]
        self.same('deficits', mine, self.lines('SELECT %s FROM deficits(at => %s)' % (columns('client', 'customer', 'deficit'), literal(stamp(self.work.now)))))

    def samples(self):
        """A few customers' cash as of now and as of an earlier instant."""
        now, model, pick = self.work.now, self.model, self.work.random
        for customer in pick.sample(list(model.customers.values()), 12):
            if customer.client.model != 'BAKKT_TPJ':
                continue
            called = lambda at, way: sum(c.amount for c in customer.known_calls if c.withdrawal == way and c.outstanding_at(at))
            available = model.available(customer) - called(now, True) - model.deficit(customer)
            mine = row(usd(model.settled(customer)), usd(model.unsettled(customer)), usd(model.held(customer)), usd(called(now, True)), usd(available),
                       usd(called(now, False)), usd(model.deficit(customer)))
            expect('cash of %s' % customer.code, [mine], self.cash_of(customer, now, 'settled', 'unsettled', 'held', 'called', 'available', 'receivable', 'deficit'))
            self.buying_power(customer, now)
            before = now - DAY * pick.randint(0, 40) - DAY / 86400 * pick.randint(0, 86399)
            mine = row(usd(sum(m[1] for m in customer.moves if m[0] <= before)), usd(called(before, True)), usd(called(before, False)))
            expect('cash of %s as of %s' % (customer.code, before), [mine], self.cash_of(customer, before, 'settled', 'called', 'receivable'))

            if not customer.withdrew:
                self.buying_power(customer, before)

    def buying_power(self, customer, at):
        """With every term; of who has no execution that was busted, by the clock's own time."""
        if not any(LATER in (c.closed_at, c.called_at) for c in customer.known_calls):
            terms = self.model.buying_power(customer, at)
            expect('buying power of %s at %s: %s' % (customer.code, at, ', '.join(terms)), [row(*map(usd, terms.values()))],
                   self.lines('SELECT %s FROM buying_power(%s, at => %s)' % (columns(*terms), literal(customer.code), literal(stamp(at)))))

    def cash_of(self, customer, at, *terms):
        return self.lines('SELECT %s FROM cash_balance(%s, at => %s)' % (columns(*terms), literal(customer.code), literal(stamp(at))))

    # -- aged lists ----------------------------------------------------

    def print_lists(self):
        """The lists that the scheduler has taken, as files: what the model says, byte for byte; kept to be compared at the end."""
        for client, kind, day, rows in self.work.lists_taken:
            printed = self.print_list(client, kind, day)
            mine = [HEADER] + [aged_line(r) for r in rows]
            if printed != mine:
                self.same('aged list %s of %s on %s' % (kind, client, day), mine, printed)
                raise Difference('aged list %s of %s on %s: the same lines in another order' % (kind, client, day))
            self.lists.append((client, kind, day, printed))
            self.printed += len(printed)
        self.work.lists_taken.clear()

    def print_list(self, client, kind, day):
        return self.lines("SELECT * FROM aged_tpj_file('%s', '%s', '%s')" % (client, kind, day))

    def reprint_lists(self):
        for client, kind, day, printed in self.lists:
            if self.print_list(client, kind, day) != printed:
                raise Difference('aged list %s of %s on %s is not what was printed that day' % (kind, client, day))

    # -- at the end ----------------------------------------------------

    def end(self):
        self.session.execute("SET TimeZone = 'Asia/Kolkata'")
        self.session.execute("SET DateStyle = 'SQL, DMY'")
        self.work.last_run()
        self.balances()
        self.events()
        self.outstanding()
        self.nothing('SELECT * FROM check_fbo()')
        self.nothing('SELECT * FROM check_cash_calls()')
        prepaid = self.model.clients['MPRE']
        self.same('buying power by the clock', [row(c.code, usd(self.model.spendable(c))) for c in prepaid.customers],
                  self.lines("SELECT %s FROM buying_powers('MPRE')" % columns('customer', 'buying_power')))
        self.reprint_lists()
        self.work.leave()
        self.balances()
        self.model.prove()
        expect('discrepancies', [], self.session.rows('SELECT * FROM verify()'))
