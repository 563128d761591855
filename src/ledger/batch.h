/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  The working state of one posting call, shared by its three phases:
 *	  resolve and lock (resolve.c), evaluate (evaluate.c), record (record.c).
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_BATCH_H
#define BAKKT_LEDGER_BATCH_H

#include "utils/hsearch.h"

#include "errors.h"
#include "ledger/balance.h"
#include "ledger/lookup.h"
#include "ledger/request.h"
#include "ledger/reversal.h"

/* One account that the batch touches */
typedef struct AccountState
{
	int32		client_id;		/* the client that named it */
	account_id	account;
	int32		owner_id;		/* the client it belongs to, 0: there is no such account */
	bool		limited;
	LockedBalance balance;		/* if limited; changes as requests are accepted */
	int			limited_mirror; /* if limited */
	HouseAccount house;			/* if not */
	bool		changed;		/* balance must be written */
	bool		holds_expired;	/* those due by now have been looked for */
	units		change;			/* scratch of the request being evaluated */
	int			touched_by;		/* request whose scratch that is */
	int			kept_by;		/* chain that has noted the balance from before it, by its first request */
	struct MirrorSum *mirror_sum;	/* NULL until asked for */
} AccountState;

typedef struct RequestState
{
	int		   *accounts;		/* AccountState of each line */
	Reversal   *reversal;		/* NULL unless it reverses */
	int			duplicate_of;	/* the request before it in the batch with the same reference, or -1 */
	int			touched;		/* limited accounts it changes */
	bool		settled;		/* replayed or in conflict: nothing to evaluate or record */
	int			replayed_from;	/* request of the batch whose outcome it has, or -1 */
	int64		customer_id;	/* first customer touched, 0 if none */
} RequestState;

typedef struct PostingBatch
{
	LedgerRequest *requests;
	RequestState *states;
	int			count;
	const PostOptions *options;
	AccountState *accounts;		/* one per account, however many lines name it */
	int			account_count;
	int			account_room;
	struct account_table_hash *account_table;	/* from (client, account) to its place in accounts */
	uint64		hash_seed;		/* of that table */
	HTAB	   *mirror_sums;	/* NULL until a line has a mirror */
	TimestampTz now;			/* the clock, read after the locks */
	MemoryContext result_context;	/* what the caller gets to keep */
} PostingBatch;

/*
 * Is the refusal one that its reference keeps?  A malformed request is none:
 * mended, it may use its reference; one in conflict has none of its own.
 */
static inline bool
is_kept(const Refusal *refusal)
{
	return refusal->sqlstate != ERRCODE_LG_UNKNOWN_CLIENT &&
		refusal->sqlstate != ERRCODE_LG_INVALID_REQUEST &&
		refusal->sqlstate != ERRCODE_LG_REFERENCE_CONFLICT;
}

static inline asset_code
account_asset(const AccountState *account)
{
	return account->limited ? account->balance.asset : account->house.asset;
}

static inline char
account_status(const AccountState *account)
{
	return account->limited ? account->balance.status : account->house.status;
}

static inline int
account_mirror(const AccountState *account)
{
	return account->limited ? account->limited_mirror : account->house.mirror;
}

static inline int64
account_customer(const AccountState *account)
{
	return account->limited ? account->balance.customer_id : account->house.customer_id;
}

/* Phase one: check shapes, find and lock every account, replay known references. */
extern void batch_resolve(PostingBatch *batch);
/* The account states of a request whose lines have been built meanwhile, of accounts that it named before. */
extern void batch_find_accounts(PostingBatch *batch, int i);
/* Phase two: decide each request, in order. */
extern void batch_evaluate(PostingBatch *batch);
/* Phase three: write journals, refusals and balances. */
extern void batch_record(PostingBatch *batch);

#endif							/* BAKKT_LEDGER_BATCH_H */
