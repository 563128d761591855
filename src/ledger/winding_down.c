/*-------------------------------------------------------------------------
 *
 * winding_down.c
 *	  What may be posted in an asset that is not ACTIVE and not yet retired
 *	  (table trading_status, doc/trades.md).
 *
 * What customers claim in it must not grow, unless somebody else's claim
 * shrinks as much: coin whose owner is found becomes the owner's.  What is
 * received nonetheless is of an owner not known, until it goes back.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "errors.h"
#include "ledger/facts.h"
#include "ledger/winding_down.h"

/* By how much the claims in one asset grow */
typedef struct ClaimGrowth
{
	const AssetInfo *asset;
	units		customers;
	units		others;			/* of owners not known, or of states */
	int			line;			/* the first that gives a customer some */
} ClaimGrowth;

/*
 * Kinds that begin nothing: they carry on or take back what was begun, or two
 * people answer for them.  A trade has been judged by its side, on its floor.
 */
static bool
begins_nothing(const LedgerRequest *request, const RequestState *state)
{
	switch (request->kind)
	{
		case KIND_TRADE:
		case KIND_MANUAL:
		case KIND_CASH_CALL:
		case KIND_CASH_RETURN:
		case KIND_CASH_WRITE_OFF:
		case KIND_CASH_RECOVERY:
			return true;
		default:
			return state->reversal != NULL;
	}
}

/* Claims are the limited accounts that no other fund mirrors. */
static bool
is_claim(const AccountState *account)
{
	return account->limited && account->limited_mirror == 0;
}

/* That of the asset, begun on first sight; an entry has few assets. */
static ClaimGrowth *
growth_of(ClaimGrowth *growths, int *count, const AssetInfo *asset)
{
	for (int i = 0; i < *count; i++)
		if (growths[i].asset == asset)
			return &growths[i];
	growths[*count] = (ClaimGrowth) {.asset = asset,.line = -1};
	return &growths[(*count)++];
}

static void
add_line(ClaimGrowth *growth, const AccountState *account, units amount, int line)
{
	if (account_customer(account) == 0)
		growth->others -= amount;
	else
		growth->customers -= amount;
	if (account_customer(account) != 0 && amount < 0 && growth->line < 0)
		growth->line = line;
}

static void
refuse_growth(LedgerRequest *request, const ClaimGrowth *growth)
{
	const EntryLine *line = &request->lines[growth->line];
	char	   *asset = asset_text(growth->asset->asset);

	request->refused_account = line->account;
	refuse(request, ERRCODE_LG_WINDING_DOWN,
		   "What has been received nonetheless is unidentified until it goes back; what two people answer for passes: propose_journal().",
		   psprintf("Line %d: account %s, %s.", growth->line + 1, account_text(line->account),
					amount_text(line->amount, line->asset)),
		   "asset \"%s\" is %s: no new claim arises in it", asset, growth->asset->status);
	request->refusal.facts = facts_of_status("asset", asset, growth->asset->status);
}

void
check_winding_down(const PostingBatch *batch, LedgerRequest *request, const RequestState *state)
{
	ClaimGrowth *growths;
	int			count = 0;

	if (begins_nothing(request, state))
		return;
	growths = palloc(request->line_count * sizeof(ClaimGrowth));
	for (int i = 0; i < request->line_count; i++)
	{
		const AccountState *account = &batch->accounts[state->accounts[i]];
		const AssetInfo *asset = lookup_asset(request->lines[i].asset);

		CHECK_FOR_INTERRUPTS();
		if (!asset->may_buy && is_claim(account))
			add_line(growth_of(growths, &count, asset), account, request->lines[i].amount, i);
	}
	for (int i = 0; i < count && !is_refused(request); i++)
		if (growths[i].customers > 0 && growths[i].customers + growths[i].others > 0)
			refuse_growth(request, &growths[i]);
	pfree(growths);
}
