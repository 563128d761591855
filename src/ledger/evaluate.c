/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  Phase two of posting: decide each request in memory, in order, later
 *	  ones seeing earlier ones.
 *
 * Of several reasons to refuse a request the one earliest in LineRule wins,
 * and of several lines the first: the precedence is part of the API
 * (doc/errors.md).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "bounds.h"
#include "errors.h"
#include "ledger/batch.h"
#include "ledger/facts.h"
#include "ledger/reference.h"
#include "ledger/spi_plan.h"
#include "ledger/winding_down.h"
#include "types/instant.h"

/* Rules on single lines, in order of precedence */
typedef enum LineRule
{
	LINE_UNKNOWN_ACCOUNT,
	LINE_FOREIGN_ACCOUNT,
	LINE_UNKNOWN_ASSET,
	LINE_RETIRED_ASSET,
	LINE_OTHER_ASSET,
	LINE_SCALE,
	LINE_TOO_LARGE,
	LINE_ZERO,
	LINE_CLOSED,
	LINE_FROZEN,
	LINE_GOOD
} LineRule;

/* What the request being evaluated moves on accounts of one mirror in one asset */
typedef struct MirrorKey
{
	asset_code	asset;
	int64		mirror;
} MirrorKey;

typedef struct MirrorSum
{
	MirrorKey	key;			/* hash key */
	units		sum;
	int			summed_by;		/* request whose sum that is */
} MirrorSum;

/* What to put back when a linked chain falls: the balance from before it, once per account */
typedef struct Undo
{
	AccountState *account;
	LockedBalance before;
} Undo;

typedef struct Chain
{
	int			first;
	int			last;
	Undo	   *undo;
	int			undo_count;
	int			undo_size;
} Chain;

/* The first rule that a line breaks. */
static LineRule
line_rule(const AccountState *account, const EntryLine *line, const AssetInfo *asset)
{
	char		status;

	if (account->owner_id == 0)
		return LINE_UNKNOWN_ACCOUNT;
	if (account->owner_id != account->client_id)
		return LINE_FOREIGN_ACCOUNT;
	if (asset == NULL)
		return LINE_UNKNOWN_ASSET;
	if (asset->retired)
		return LINE_RETIRED_ASSET;
	if (account_asset(account) != line->asset)
		return LINE_OTHER_ASSET;
	if (!units_fits_decimals(line->amount, asset->scale))
		return LINE_SCALE;
	if (line->amount > LINE_AMOUNT_MAX || line->amount < -LINE_AMOUNT_MAX)
		return LINE_TOO_LARGE;
	if (line->amount == 0)
		return LINE_ZERO;
	status = account_status(account);
	if (status == STATUS_CLOSED)
		return LINE_CLOSED;
	if ((status == STATUS_DEBIT_FROZEN && line->amount > 0) ||
		(status == STATUS_CREDIT_FROZEN && line->amount < 0))
		return LINE_FROZEN;
	return LINE_GOOD;
}

/* Refuse a request for a line, naming it. */
static void
refuse_line(LedgerRequest *request, int line_no, LineRule rule, const AccountState *account)
{
	const EntryLine *line = &request->lines[line_no];
	char	   *detail = psprintf("Line %d: account %s, %s.", line_no + 1, account_text(line->account),
								  amount_text(line->amount, line->asset));
	char	   *asset = asset_text(line->asset);

	request->refused_account = line->account;
	switch (rule)
	{
		case LINE_UNKNOWN_ACCOUNT:
			refuse(request, ERRCODE_LG_UNKNOWN_ACCOUNT, "Open the account first.", detail, "unknown account");
			break;
		case LINE_FOREIGN_ACCOUNT:
			refuse(request, ERRCODE_LG_FOREIGN_ACCOUNT, "A journal touches the accounts of one client only.", detail,
				   "account belongs to another client");
			break;
		case LINE_UNKNOWN_ASSET:
			refuse(request, ERRCODE_LG_UNKNOWN_ASSET, "Register the asset first.", detail, "unknown asset \"%s\"", asset);
			break;
		case LINE_RETIRED_ASSET:
			refuse(request, ERRCODE_LG_ASSET_RETIRED, NULL, detail, "asset \"%s\" is retired", asset);
			break;
		case LINE_OTHER_ASSET:
			refuse(request, ERRCODE_LG_ASSET_MISMATCH, "An account holds one asset.", detail,
				   "account holds %s, not %s", asset_text(account_asset(account)), asset);
			break;
		case LINE_SCALE:
			refuse(request, ERRCODE_LG_SCALE_EXCEEDED, "Round the amount by name, for instance with round().", detail,
				   "amount has more decimals than asset \"%s\"", asset);
			break;
		case LINE_TOO_LARGE:
			refuse(request, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "A line moves at most 10^13 whole units; use several lines, or several executions, for more.", detail,
				   "amount of a line out of range");
			break;
		case LINE_ZERO:
			refuse(request, ERRCODE_LG_ZERO_AMOUNT, "Leave the line out.", detail, "a line cannot be zero");
			break;
		case LINE_CLOSED:
			refuse(request, ERRCODE_LG_ACCOUNT_CLOSED, NULL, detail, "account is closed");
			break;
		default:
			refuse(request, ERRCODE_LG_ACCOUNT_FROZEN, "An administrator can unfreeze the account.", detail,
				   "account is frozen for %s", line->amount > 0 ? "debits" : "credits");
			break;
	}
	request->refusal.facts = facts_of_name("account", account_text(line->account));
}

/* Check every line by itself; the worst breach decides. */
static void
check_lines(PostingBatch *batch, LedgerRequest *request, RequestState *state)
{
	LineRule	worst = LINE_GOOD;
	int			worst_line = 0;
	bool		winding_down = false;
	AssetInfo  *asset = NULL;

	for (int line = 0; line < request->line_count; line++)
	{
		LineRule	rule;

		CHECK_FOR_INTERRUPTS();
		if (asset == NULL || asset->asset != request->lines[line].asset)
			asset = lookup_asset(request->lines[line].asset);
		winding_down |= asset && !asset->may_buy;
		rule = line_rule(&batch->accounts[state->accounts[line]], &request->lines[line], asset);
		if (rule < worst)
		{
			worst = rule;
			worst_line = line;
		}
	}
	if (worst != LINE_GOOD)
		refuse_line(request, worst_line, worst, &batch->accounts[state->accounts[worst_line]]);
	else if (winding_down)
		check_winding_down(batch, request, state);
}

/* The sum that lines on a mirrored account go into: that of its mirror and asset. */
static MirrorSum *
mirror_sum(PostingBatch *batch, AccountState *account)
{
	MirrorKey	key = {.asset = account_asset(account),.mirror = account_mirror(account)};
	bool		found;

	if (account->mirror_sum)
		return account->mirror_sum;
	if (batch->mirror_sums == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(MirrorKey),.entrysize = sizeof(MirrorSum),.hcxt = CurrentMemoryContext};

		batch->mirror_sums = hash_create("bakkt_ledger mirrors", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	account->mirror_sum = hash_search(batch->mirror_sums, &key, HASH_ENTER, &found);
	if (!found)
		account->mirror_sum->summed_by = -1;
	return account->mirror_sum;
}

/* Sum the lines on mirrored accounts; false: there are none. */
static bool
sum_mirrors(PostingBatch *batch, int i)
{
	bool		any = false;

	for (int line = 0; line < batch->requests[i].line_count; line++)
	{
		AccountState *account = &batch->accounts[batch->states[i].accounts[line]];
		MirrorSum  *sum;

		if (account_mirror(account) == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		sum = mirror_sum(batch, account);
		if (sum->summed_by != i)
			sum->sum = 0;
		sum->summed_by = i;
		sum->sum += batch->requests[i].lines[line].amount;
		any = true;
	}
	return any;
}

/* Mirrored accounts between two funds move together in every journal (I7); the first line of a pair that does not is named. */
static void
check_mirrors(PostingBatch *batch, int i)
{
	LedgerRequest *request = &batch->requests[i];

	if (!sum_mirrors(batch, i))
		return;
	for (int line = 0; line < request->line_count; line++)
	{
		AccountState *account = &batch->accounts[batch->states[i].accounts[line]];

		if (account_mirror(account) == 0 || mirror_sum(batch, account)->sum == 0)
			continue;
		refuse(request, ERRCODE_LG_MIRROR_UNPAIRED, "Post both sides of a movement between funds in one journal.",
			   psprintf("Line %d: account %s, %s.", line + 1, account_text(account->account),
						amount_text(request->lines[line].amount, request->lines[line].asset)),
			   "a due-to or due-from between funds lacks its mirror");
		return;
	}
}

static bool
may_touch_alone(const AccountState *account)
{
	return account->limited ? lookup_limited_alone(account->client_id, account->account) : account->house.alone;
}

static void
refuse_alone(LedgerRequest *request, const char *why)
{
	refuse(request, ERRCODE_LG_TWO_PEOPLE, "Let one person propose it with propose_journal() and another approve it with approve_journal().",
		   why, "nobody makes this entry alone");
}

static void
refuse_line_alone(LedgerRequest *request, int line, const char *why)
{
	request->refused_account = request->lines[line].account;
	refuse_alone(request, psprintf("Line %d: account %s, %s, %s.", line + 1, account_text(request->lines[line].account),
								   amount_text(request->lines[line].amount, request->lines[line].asset), why));
}

/*
 * What somebody says by hand, alone, stays with accounts of kinds that the
 * chart of accounts gives one person, with one customer's, and out of closed
 * accounting periods (I26).
 */
static void
check_by_hand(PostingBatch *batch, LedgerRequest *request, RequestState *state)
{
	TimestampTz closed = lookup_client(request->client_id)->books_closed_until;
	int64		customer = 0;

	if (request->effective_given && request->effective_at < closed)
	{
		refuse_alone(request, psprintf("Effective at %s; the client's books are closed until %s.",
									   instant_text(request->effective_at), instant_text(closed)));
		return;
	}
	for (int line = 0; line < request->line_count; line++)
	{
		AccountState *account = &batch->accounts[state->accounts[line]];
		int64		owner = account_customer(account);

		if (!may_touch_alone(account))
		{
			refuse_line_alone(request, line, "is of a kind that takes two people");
			return;
		}
		if (customer != 0 && owner != 0 && owner != customer)
		{
			refuse_line_alone(request, line, "is a second customer's");
			return;
		}
		if (owner != 0)
			customer = owner;
	}
}

/* Sum the lines per limited account into its scratch, and count the accounts. */
static bool
sum_changes(PostingBatch *batch, int i)
{
	LedgerRequest *request = &batch->requests[i];

	batch->states[i].touched = 0;
	for (int line = 0; line < request->line_count; line++)
	{
		AccountState *account = &batch->accounts[batch->states[i].accounts[line]];

		if (!account->limited)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (account->touched_by != i)
		{
			account->change = 0;
			batch->states[i].touched++;
		}
		account->touched_by = i;
		if (!units_add(account->change, request->lines[line].amount, &account->change))
			return false;
	}
	return true;
}

/*
 * Holds that have expired no longer bind: record that and free what they held.
 * Once per call, whose clock does not move; a dry run would find them again.
 */
static void
expire_holds(PostingBatch *batch, AccountState *account)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[4] = {INT4OID, INT8OID, TIMESTAMPTZOID, BOOLOID};
	Datum		arguments[4] = {Int32GetDatum(account->client_id), Int64GetDatum(account->account),
	TimestampTzGetDatum(batch->now), BoolGetDatum(!batch->options->dry_run)};
	bool		isnull;
	Datum		freed;

	account->holds_expired = true;
	SPI_connect();
	spi_plan(&plan, 4, types, "SELECT bakkt_ledger_internal.expire_account_holds($1, $2::bakkt_ledger.account_id, $3, $4)");
	spi_execute(plan, arguments);
	freed = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
	{
		account->balance.held -= amount_units(DatumGetAmountP(freed));
		account->changed = true;
	}
	SPI_finish();
}

/* Would the account have less than its floor after the change? */
static bool
falls_short(const AccountState *account)
{
	LockedBalance after = account->balance;

	after.posted += account->change;
	return balance_available(&after) < balance_floor(&after);
}

static void
refuse_insufficient(LedgerRequest *request, const AccountState *account)
{
	const LockedBalance *balance = &account->balance;
	units		taken = balance->normal_debit ? -account->change : account->change;

	request->refused_account = account->account;
	refuse(request, ERRCODE_LG_INSUFFICIENT, "Fund the account, release a hold, or post less.",
		   psprintf("Account %s has %s, of which %s are held, and %s would be taken; it may not go below %s.",
					account_text(account->account), amount_text(balance_natural(balance), balance->asset),
					amount_text(balance->held, balance->asset), amount_text(taken, balance->asset),
					amount_text(balance_floor(balance), balance->asset)),
		   "insufficient balance");
	request->refusal.facts = insufficient_facts(balance, taken);
}

/* A claim never goes debit, an account never below its floor (I5). */
static void
check_balance(PostingBatch *batch, LedgerRequest *request, AccountState *account)
{
	bool		takes = account->balance.normal_debit ? account->change < 0 : account->change > 0;
	units		after;

	if (!units_add(account->balance.posted, account->change, &after))
	{
		refuse(request, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, NULL,
			   psprintf("Account %s.", account_text(account->account)), "balance out of range");
		return;
	}
	if (!takes || !falls_short(account))
		return;
	if (account->balance.held != 0 && !account->holds_expired)
		expire_holds(batch, account);
	if (falls_short(account))
		refuse_insufficient(request, account);
}

static void
check_balances(PostingBatch *batch, int i)
{
	LedgerRequest *request = &batch->requests[i];

	if (!sum_changes(batch, i))
	{
		refuse(request, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, NULL, NULL, "sum of lines out of range");
		return;
	}
	for (int line = 0; line < request->line_count && !is_refused(request); line++)
	{
		AccountState *account = &batch->accounts[batch->states[i].accounts[line]];

		CHECK_FOR_INTERRUPTS();
		if (account->limited)
			check_balance(batch, request, account);
	}
}

/* Later than the clock after the locks and than the last of every account touched (I26). */
static TimestampTz
recorded_time(PostingBatch *batch, int i)
{
	TimestampTz recorded = batch->now;

	for (int line = 0; line < batch->requests[i].line_count; line++)
	{
		AccountState *account = &batch->accounts[batch->states[i].accounts[line]];

		if (account->limited && account->balance.last_recorded_at >= recorded)
			recorded = account->balance.last_recorded_at + 1;
	}
	return recorded;
}

static void
check_effective(LedgerRequest *request)
{
	if (!request->effective_given)
		request->effective_at = request->recorded_at;
	else if (TIMESTAMP_NOT_FINITE(request->effective_at) ||
			 request->effective_at > request->recorded_at + INSTANT_MOST_AHEAD)
		refuse(request, ERRCODE_LG_EFFECTIVE_TIME, "The effective time may lie at most five minutes ahead.",
			   psprintf("Effective at %s.", instant_text(request->effective_at)),
			   "effective time is in the future");
	else if (request->effective_from != 0 && request->effective_at < request->effective_from)
		refuse(request, ERRCODE_LG_EFFECTIVE_TIME, "The first trading day is a term of the client: see change_client().",
			   psprintf("Effective at %s; the client trades since %s.", instant_text(request->effective_at),
						instant_text(request->effective_from)),
			   "effective time is before the client's first trading day");
}

/* Once per chain: what is put back is the balance from before it. */
static void
remember(Chain *chain, AccountState *account)
{
	if (account->kept_by == chain->first)
		return;
	account->kept_by = chain->first;
	if (chain->undo_count == chain->undo_size)
	{
		chain->undo_size = Max(16, chain->undo_size * 2);
		chain->undo = chain->undo ? repalloc_huge(chain->undo, chain->undo_size * sizeof(Undo))
			: palloc(chain->undo_size * sizeof(Undo));
	}
	chain->undo[chain->undo_count].account = account;
	chain->undo[chain->undo_count++].before = account->balance;
}

/* Note the balance after a request for the caller. */
static void
report_balance(LedgerRequest *request, const AccountState *account)
{
	BalanceAfter *after = &request->balances[request->balance_count++];

	after->account = account->account;
	after->asset = account->balance.asset;
	after->balance = balance_natural(&account->balance);
	after->available = balance_available(&account->balance);
}

/* Carry an accepted request into the balances in memory. */
static void
apply(PostingBatch *batch, int i, Chain *chain)
{
	LedgerRequest *request = &batch->requests[i];
	RequestState *state = &batch->states[i];

	request->balances = MemoryContextAlloc(batch->result_context, (state->touched + 1) * sizeof(BalanceAfter));
	for (int line = 0; line < request->line_count; line++)
	{
		AccountState *account = &batch->accounts[state->accounts[line]];

		CHECK_FOR_INTERRUPTS();
		if (state->customer_id == 0)
			state->customer_id = account_customer(account);
		if (!account->limited || account->touched_by != i)
			continue;
		account->touched_by = -1;
		if (chain->first != chain->last)
			remember(chain, account);
		account->balance.posted += account->change;
		account->balance.version++;
		account->balance.last_recorded_at = request->recorded_at;
		account->changed = true;
		report_balance(request, account);
	}
	if (state->reversal)
		reversal_apply(state->reversal, request, 1);
}

/* Let the floor above build the lines of a deferred request, now that those before it are decided. */
static void
prepare_request(PostingBatch *batch, int i)
{
	LedgerRequest *request = &batch->requests[i];
	MemoryContext old = MemoryContextSwitchTo(batch->result_context);

	batch->options->prepare(request, batch->options->judge);
	MemoryContextSwitchTo(old);
	if (is_refused(request))
		return;
	request->entry = entry_pack(request->lines, request->line_count);
	batch_find_accounts(batch, i);
}

/* Decide one request that is new. */
static void
evaluate_request(PostingBatch *batch, int i)
{
	LedgerRequest *request = &batch->requests[i];
	RequestState *state = &batch->states[i];

	request->recorded_at = recorded_time(batch, i);
	if (!is_refused(request) && request->deferred)
		prepare_request(batch, i);
	if (!is_refused(request))
		check_lines(batch, request, state);
	if (!is_refused(request))
		check_mirrors(batch, i);
	if (!is_refused(request) && state->reversal)
		reversal_check(state->reversal, request);
	if (!is_refused(request) && request->by_hand)
		check_by_hand(batch, request, state);
	if (!is_refused(request))
		check_effective(request);
	if (!is_refused(request))
		check_balances(batch, i);
	if (!is_refused(request) && batch->options->admit)
		batch->options->admit(request, batch->options->judge);
}

/* Give a request the outcome that its reference has had earlier in the batch. */
static void
replay_within(PostingBatch *batch, int i)
{
	int			earlier = batch->states[i].duplicate_of;

	while (earlier >= 0 && !is_kept(&batch->requests[earlier].refusal))
		earlier = batch->states[earlier].duplicate_of;
	/* what keeps no reference never will: the next one need not walk back over it again */
	batch->states[i].duplicate_of = earlier;
	if (earlier < 0)
		return;
	reference_replay_within(&batch->requests[i], &batch->requests[earlier], batch->options);
	batch->states[i].settled = true;
	batch->states[i].replayed_from = earlier;
}

/* Take back an outcome copied from a member of the chain, which has changed. */
static void
forget_replay(LedgerRequest *request, RequestState *state)
{
	memset(&request->refusal, 0, sizeof(Refusal));
	request->replayed = false;
	request->journal_id = 0;
	state->settled = false;
}

/* Texts of refusals may quote the caller: a chain repeats no more than this of one. */
#define CULPRIT_MESSAGE_MAX 200

/* Refuse a member of the chain that fell for another's sake. */
static void
refuse_member(PostingBatch *batch, Chain *chain, int i, int culprit)
{
	LedgerRequest *request = &batch->requests[i];
	RequestState *state = &batch->states[i];
	const char *cause = batch->requests[culprit].refusal.message;

	CHECK_FOR_INTERRUPTS();
	if (state->settled && state->replayed_from >= chain->first)
		forget_replay(request, state);
	if (!state->settled && state->duplicate_of >= 0)
		replay_within(batch, i);
	if (state->settled || is_refused(request))
		return;
	if (i < culprit && state->reversal)
		reversal_apply(state->reversal, request, -1);
	if (i < culprit && batch->options->dismiss)
		batch->options->dismiss(request, batch->options->judge);
	if (request->recorded_at == 0)
		request->recorded_at = batch->now;
	request->balance_count = 0;
	refuse(request, ERRCODE_LG_CHAIN_REFUSED, "Mend the request that was refused, under new references.",
		   psprintf("Request %d of the batch was refused: %.*s.", culprit + 1,
					pg_mbcliplen(cause, strnlen(cause, 2 * CULPRIT_MESSAGE_MAX), CULPRIT_MESSAGE_MAX), cause),
		   "another request of the linked chain was refused");
}

/* Undo what the chain's accepted requests did and refuse them too. */
static void
fell_chain(PostingBatch *batch, Chain *chain, int culprit)
{
	while (chain->undo_count > 0)
	{
		Undo	   *undo = &chain->undo[--chain->undo_count];
		units		held = undo->account->balance.held;

		/* holds that have expired meanwhile stay so: that is recorded */
		undo->account->balance = undo->before;
		undo->account->balance.held = held;
	}
	for (int i = chain->first; i <= chain->last; i++)
		if (i != culprit)
			refuse_member(batch, chain, i, culprit);
}

/* Decide the requests of one chain; a lone request is a chain of one. */
static void
evaluate_chain(PostingBatch *batch, Chain *chain)
{
	for (int i = chain->first; i <= chain->last; i++)
	{
		LedgerRequest *request = &batch->requests[i];
		RequestState *state = &batch->states[i];

		CHECK_FOR_INTERRUPTS();
		if (!state->settled)
			replay_within(batch, i);
		if (!state->settled)
			evaluate_request(batch, i);
		if (is_refused(request))
		{
			fell_chain(batch, chain, i);
			return;
		}
		if (!state->settled)
			apply(batch, i, chain);
	}
}

void
batch_evaluate(PostingBatch *batch)
{
	int			i = 0;

	while (i < batch->count)
	{
		Chain		chain = {.first = i,.last = i};

		CHECK_FOR_INTERRUPTS();
		while (chain.last + 1 < batch->count && batch->requests[chain.last].linked)
			chain.last++;
		evaluate_chain(batch, &chain);
		if (chain.undo)
			pfree(chain.undo);
		i = chain.last + 1;
	}
}
