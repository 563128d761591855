/*-------------------------------------------------------------------------
 *
 * exposure.c
 *	  Trading status and limits of clients, limits of providers.
 *
 * Reasons to refuse, in order: the client may not trade (LG094), the limit of
 * one execution, the client's and then the provider's (LG091), the net debit
 * cap (LG092), the daily gross limit (LG093).  Busts are never refused, nor
 * is what brings a figure down; a correction is judged by what it adds to its
 * original.
 *
 * What a client owes is read once a call, when the first of its trades is
 * decided, and added up from there.  So the cap may be exceeded by what other
 * transactions have under way at that instant, and by no more.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "ledger/facts.h"
#include "trade/exposure.h"
#include "trade/exposure_alert.h"
#include "trade/exposure_terms.h"
#include "trade/live_position.h"

typedef struct AccountKey
{
	asset_code	asset;
	int32		client_id;
} AccountKey;

/* What a client owes and has traded in a currency, as far as requests have been let through */
typedef struct Account
{
	AccountKey	key;			/* hash key */
	const ExposureLimit *limit;
	LivePosition *position;
	units		net_debit;
	units		gross;
} Account;

typedef struct Change
{
	Account    *account;		/* NULL: it counts nowhere */
	units		net_debit;
	units		gross;
	bool		counted;
} Change;

struct Exposure
{
	const TradeBatch *batch;
	HTAB	   *accounts;
	Change	   *changes;		/* of each trade */
};

void
exposures_begin(void)
{
	exposure_terms_begin();
	live_positions_begin();
}

/* NULL: of a bust of no execution */
static const ExecutionTerms *
terms_of(const TradeRequest *trade)
{
	return trade->is_bust ? trade->busted : &trade->terms;
}

/* ---- is there anything to judge? ---- */

static bool
is_restricted(int32 client_id)
{
	const ExposureTerms *terms = exposure_terms_of(client_id);

	return terms->count > 0 || terms->status != TRADING_ACTIVE;
}

static bool
has_restricted_client(const TradeBatch *batch)
{
	int32		free = 0;		/* the last client found to be free: most batches have one */

	for (int i = 0; i < batch->count; i++)
	{
		int32		client_id = batch->requests[i].client_id;

		if (client_id == 0 || client_id == free)
			continue;
		if (is_restricted(client_id))
			return true;
		free = client_id;
	}
	return false;
}

Exposure *
exposure_of(const TradeBatch *batch)
{
	HASHCTL		control = {.keysize = sizeof(AccountKey),.entrysize = sizeof(Account),.hcxt = CurrentMemoryContext};
	Exposure   *exposure;

	if (!providers_are_limited() && !has_restricted_client(batch))
		return NULL;
	exposure = palloc0(sizeof(Exposure));
	exposure->batch = batch;
	exposure->accounts = hash_create("bakkt_ledger exposure", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	exposure->changes = MemoryContextAllocExtended(CurrentMemoryContext, batch->count * sizeof(Change),
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return exposure;
}

/* ---- what a trade adds ---- */

/* What the client owes now and has traded, read when it is first asked for. */
static Account *
account_of(Exposure *exposure, const LedgerRequest *request, const ExposureTerms *terms, const ExposureLimit *limit)
{
	AccountKey	key;
	Account    *account;
	const LiveFigure *figure;
	LivePosition *position;

	memset(&key, 0, sizeof(key));
	key.asset = limit->asset;
	key.client_id = request->client_id;
	account = hash_search(exposure->accounts, &key, HASH_FIND, NULL);
	if (account)
		return account;
	position = live_position_read(request->client_id, terms->gross, request->recorded_at);
	figure = live_figure(position, limit->asset);
	account = hash_search(exposure->accounts, &key, HASH_ENTER, NULL);
	account->limit = limit;
	account->position = position;
	account->net_debit = figure->net_debit;
	account->gross = figure->gross;
	return account;
}

static void
fill_change(Change *change, const TradeRequest *trade, const ExecutionTerms *terms)
{
	units		owed = terms->sell ? -terms->net_money : terms->net_money;

	change->net_debit = terms->funding != FUNDING_NET_SETTLEMENT ? 0 : trade->is_bust ? -owed : owed;
	if (!trade->is_bust)
		change->gross = terms->net_money;
	else
		change->gross = live_position_in_day(change->account->position, trade->request->reverses) ? -terms->net_money : 0;
}

/* What the bust before a correction has taken from the same figures. */
static Change
taken_before(const Exposure *exposure, int i)
{
	const Change *before = &exposure->changes[i - 1];
	Change		nothing = {0};

	if (exposure->batch->trades[i].corrected == NULL || i == 0 || !before->counted ||
		before->account != exposure->changes[i].account)
		return nothing;
	return *before;
}

/* ---- judging ---- */

static const char *
client_code(const TradeRequest *trade)
{
	return trade->client->code;
}

static void
check_status(const TradeRequest *trade, const ExposureTerms *terms)
{
	LedgerRequest *request = trade->request;
	bool		suspended = terms->status == TRADING_SUSPENDED;

	if (terms->status == TRADING_ACTIVE || request->recorded_at >= terms->until || (!suspended && trade->terms.sell))
		return;
	refuse(request, ERRCODE_LG_CLIENT_MAY_NOT_TRADE, "See client_status(); an administrator changes it with change_client_status().",
		   suspended ? "It is SUSPENDED: only busts and corrections are posted." :
		   "It is CLOSE_ONLY: its customers may sell, not buy.",
		   "client \"%s\" may not %s", client_code(trade), trade->terms.sell ? "sell" : "buy");
	request->refusal.facts = facts_of_name("client", client_code(trade));
}

/* A correction may be as large as what it puts right. */
static bool
is_too_large(units amount, units limit, const TradeRequest *trade, units corrected)
{
	return amount > limit && (trade->corrected == NULL || amount > corrected);
}

static void
refuse_size(const TradeRequest *trade, const char *whose, const char *name, units amount, units limit)
{
	asset_code	asset = trade->terms.quote;

	refuse(trade->request, ERRCODE_LG_TRADE_LIMIT, "Trade less, or let an administrator change the limit.",
		   psprintf("The execution is worth %s, the limit per trade is %s.", amount_text(amount, asset), amount_text(limit, asset)),
		   "the execution is above the limit per trade of %s \"%s\"", whose, name);
	trade->request->refusal.facts = facts_of_limit(whose, name, limit, NULL, 0, amount, asset);
}

static void
check_sizes(const TradeRequest *trade, const ExposureLimit *limit)
{
	const ExecutionTerms *terms = &trade->terms;
	const ExecutionTerms *corrected = trade->corrected;
	units		most = provider_trade_limit(terms->provider_id, terms->quote);

	if (limit && is_too_large(terms->net_money, limit->trade_limit, trade, corrected ? corrected->net_money : 0))
		refuse_size(trade, "client", client_code(trade), terms->net_money, limit->trade_limit);
	else if (is_too_large(terms->provider_money, most, trade, corrected ? corrected->provider_money : 0))
		refuse_size(trade, "provider", pnstrdup(trade->provider.data, trade->provider.length), terms->provider_money, most);
}

static void
refuse_net_debit(const TradeRequest *trade, const Account *account, units change)
{
	asset_code	asset = trade->terms.quote;
	units		cap = account->limit->net_debit_cap;

	refuse(trade->request, ERRCODE_LG_NET_DEBIT_CAP, "Let the client settle, or an administrator change the cap.",
		   psprintf("It owes %s and would owe %s more; the cap is %s.", amount_text(account->net_debit, asset),
					amount_text(change, asset), amount_text(cap, asset)),
		   "client \"%s\" would owe more than its net debit cap", client_code(trade));
	trade->request->refusal.facts = facts_of_limit("client", client_code(trade), cap, "net_debit", account->net_debit, change, asset);
}

static void
refuse_gross(const TradeRequest *trade, const Account *account, units change)
{
	asset_code	asset = trade->terms.quote;
	units		limit = account->limit->daily_gross_limit;

	refuse(trade->request, ERRCODE_LG_DAILY_GROSS_LIMIT, "Trade after the next cut-off, or let an administrator change the limit.",
		   psprintf("Since the last cut-off it has traded %s, with this execution %s more; the limit is %s.",
					amount_text(account->gross, asset), amount_text(change, asset), amount_text(limit, asset)),
		   "client \"%s\" would trade more than its daily gross limit", client_code(trade));
	trade->request->refusal.facts = facts_of_limit("client", client_code(trade), limit, "daily_gross", account->gross, change, asset);
}

/* What brings a figure down, together with the bust before it, is let through. */
static bool
is_above(units after, units limit, units added)
{
	return added > 0 && after > limit;
}

/* Count the change, unless the client may not have it. */
static void
judge_change(Exposure *exposure, int i)
{
	const TradeRequest *trade = &exposure->batch->trades[i];
	Change	   *change = &exposure->changes[i];
	Account    *account = change->account;
	Change		before = taken_before(exposure, i);
	units		net_debit;
	units		gross;

	if (!units_add(account->net_debit, change->net_debit, &net_debit) || !units_add(account->gross, change->gross, &gross))
		refuse(trade->request, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, NULL, NULL, "exposure of the client out of range");
	else if (!trade->is_bust && is_above(net_debit, account->limit->net_debit_cap, change->net_debit + before.net_debit))
		refuse_net_debit(trade, account, change->net_debit);
	else if (!trade->is_bust && is_above(gross, account->limit->daily_gross_limit, change->gross + before.gross))
		refuse_gross(trade, account, change->gross);
	else
	{
		account->net_debit = net_debit;
		account->gross = gross;
		change->counted = true;
	}
}

/* Is there a limit on what all trades come to? */
static bool
is_followed(const ExposureLimit *limit)
{
	return limit && (limit->net_debit_cap != UNITS_MAX || limit->daily_gross_limit != UNITS_MAX);
}

void
exposure_admit(Exposure *exposure, int i)
{
	const TradeRequest *trade = &exposure->batch->trades[i];
	const ExecutionTerms *terms = terms_of(trade);
	const ExposureTerms *agreed = exposure_terms_of(trade->request->client_id);
	const ExposureLimit *limit;

	if (terms == NULL)
		return;
	limit = exposure_limit_in(agreed, terms->quote);
	if (!trade->is_bust && trade->corrected == NULL)
		check_status(trade, agreed);
	if (!trade->is_bust && !trade_refused(trade))
		check_sizes(trade, limit);
	if (trade_refused(trade) || !is_followed(limit))
		return;
	exposure->changes[i].account = account_of(exposure, trade->request, agreed, limit);
	fill_change(&exposure->changes[i], trade, terms);
	judge_change(exposure, i);
}

void
exposure_dismiss(Exposure *exposure, int i)
{
	Change	   *change = &exposure->changes[i];

	if (!change->counted)
		return;
	change->account->net_debit -= change->net_debit;
	change->account->gross -= change->gross;
	change->counted = false;
}

/* ---- afterwards ---- */

/* Four fifths of the cap are reached. */
static bool
is_near(const Account *account)
{
	units		cap = account->limit->net_debit_cap;

	return cap != UNITS_MAX && account->net_debit > 0 && account->net_debit >= cap - cap / 5;
}

static void
tell_if_near(const Account *account)
{
	LiveFigure *figure = live_figure(account->position, account->limit->asset);
	ExposureAlert alert = {
		.client_id = account->key.client_id,
		.asset = account->limit->asset,
		.day = live_position_day(account->position),
		.net_debit_cap = account->limit->net_debit_cap,
		.net_debit = account->net_debit
	};

	if (is_near(account) && figure->alerted != alert.day && exposure_alert_record(&alert))
		figure->alerted = alert.day;
}

void
exposure_record(Exposure *exposure)
{
	HASH_SEQ_STATUS scan;
	const Account *account;

	for (int i = 0; i < exposure->batch->count; i++)
	{
		const Change *change = &exposure->changes[i];
		const LedgerRequest *request = &exposure->batch->requests[i];

		if (change->counted && request->journal_id != 0)
			live_position_posted(change->account->position, request->journal_id, change->account->limit->asset,
								 change->net_debit, change->gross);
	}
	hash_seq_init(&scan, exposure->accounts);
	while ((account = hash_seq_search(&scan)) != NULL)
		tell_if_near(account);
}
