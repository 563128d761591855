/*-------------------------------------------------------------------------
 *
 * request.h
 *	  A request to post one journal: what is asked, what came of it, and why
 *	  it was refused.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_REQUEST_H
#define BAKKT_LEDGER_REQUEST_H

#include "datatype/timestamp.h"

#include "compat.h"
#include "types/journal_entry.h"

/* journal.kind; names in table journal_kind */
typedef enum JournalKind
{
	KIND_GENERAL = 1,			/* by an application */
	KIND_REVERSAL = 2,
	KIND_TRADE = 3,
	KIND_TRADE_BUST = 4,
	KIND_COIN_DEPOSIT = 5,
	KIND_COIN_WITHDRAWAL = 6,
	KIND_PROVIDER_SETTLEMENT = 7,
	KIND_NOVATION = 8,
	KIND_SETTLEMENT_WIRE = 9,
	KIND_TRANSFER = 10,
	KIND_OPENING = 11,
	KIND_CASH_DEPOSIT = 12,
	KIND_CASH_WITHDRAWAL = 13,
	KIND_MANUAL = 14,			/* by hand, with a second person */
	KIND_FEE = 15,
	KIND_HOLD_CAPTURE = 16,
	KIND_CASH_CALL = 17,
	KIND_FBO_TRANSFER = 18,
	KIND_CASH_RETURN = 19,
	KIND_CASH_WRITE_OFF = 20,
	KIND_CASH_RECOVERY = 21,
	KIND_APEX_WIRE = 22,
	KIND_REVENUE_SHARE = 23,	/* trued up */
	KIND_SHARE_PAYOUT = 24,
	KIND_DEFICIT_WRITE_OFF = 25
} JournalKind;

/* Why a request was refused; sqlstate 0 means it was not */
typedef struct Refusal
{
	int			sqlstate;
	const char *message;
	const char *detail;			/* NULL if none */
	const char *hint;			/* NULL if none */
	const char *facts;			/* JSON, see facts.h; NULL if none */
} Refusal;

/* Balance of a limited account after a request, natural sign */
typedef struct BalanceAfter
{
	account_id	account;
	asset_code	asset;
	units		balance;		/* what the owner has */
	units		available;		/* balance less open holds */
} BalanceAfter;

typedef struct LedgerRequest
{
	/*
	 * What is asked.  All pointers must live until ledger_post() returns. A
	 * caller that cannot even build the lines (unknown liquidity provider,
	 * ...) sets `refusal` and leaves `lines` empty: the refusal is recorded
	 * under the reference like any other.
	 */
	int32		client_id;		/* 0: unknown client, never recorded */
	const char *reference;		/* idempotency key, 1..200 bytes */
	JournalKind kind;
	EntryLine  *lines;			/* debit positive */
	int			line_count;
	JournalEntry *entry;		/* packed form of lines; built if NULL */
	TimestampTz effective_at;
	bool		effective_given;	/* false: recorded_at, not compared on replay */
	TimestampTz effective_from; /* refused if effective before; 0: no bound */
	int64		reverses;		/* journal reversed, 0 if none */
	bool		with_deficit;	/* of that journal, what is spent is owed instead: on lines that it does not have */
	struct varlena *terms;		/* execution_terms or NULL */
	const char *description;	/* NULL if none */
	bool		linked;			/* stands or falls with the next request */
	bool		internal;		/* its reference was made by a function of the ledger */
	bool		deferred;		/* lines name its accounts only: PostOptions.prepare builds them */
	bool		by_hand;		/* somebody alone says which accounts it touches: their kinds are judged */

	/* What came of it. */
	Refusal		refusal;
	account_id	refused_account;	/* the one that stood in the way, 0 if none did */
	bool		replayed;		/* reference seen before: the outcome is the original's */
	int64		journal_id;		/* 0 unless posted */
	TimestampTz recorded_at;
	BalanceAfter *balances;		/* limited accounts touched, in order of first line; not set on replay */
	int			balance_count;
	/* on replay of a posted request, entry and terms point to the stored ones */
} LedgerRequest;

typedef struct PostOptions
{
	bool		strict;			/* raise the first refusal instead of recording it */
	bool		dry_run;		/* phases one and two only */
	bool		forget_refusals;	/* the caller records them in its own way, and may ask again */

	/*
	 * Names the field in which the given terms differ from the stored ones,
	 * NULL if they say the same.  NULL: compare bytes and call it "terms".
	 */
	const char *(*terms_difference) (const struct varlena *stored, const struct varlena *given);

	/*
	 * Builds the lines of a deferred request when its turn comes, or refuses it:
	 * what was admitted before it and not dismissed stands.  Only accounts that
	 * the request named before, which are locked.  NULL: no request is deferred.
	 */
	void		(*prepare) (LedgerRequest *request, void *judge);

	/*
	 * The last word of a floor above, NULL if it has none: called for each new
	 * request that no rule refuses, in order; may refuse() it.  What was let
	 * through and falls after all, with its chain, is dismissed again.
	 */
	void		(*admit) (LedgerRequest *request, void *judge);
	void		(*dismiss) (LedgerRequest *request, void *judge);
	void	   *judge;
} PostOptions;

/* Refuse a call of too many requests (54000), see bounds.h; for whoever reads an array of them. */
extern void require_batch_size(int64 requests);
/* Count the lines of a request among those of the call, and refuse a call of too many (54000). */
extern void count_lines(int64 *lines, const LedgerRequest *request, int number);

/* Set a refusal; formatted text is palloc'd in the current context. */
extern void refuse(LedgerRequest *request, int sqlstate, const char *hint,
				   const char *detail, const char *message,...) pg_attribute_printf(5, 6);

static inline bool
is_refused(const LedgerRequest *request)
{
	return request->refusal.sqlstate != 0;
}

/* Raise a refusal as an error of the same SQLSTATE. */
pg_noreturn extern void raise_refusal(const LedgerRequest *request);

#endif							/* BAKKT_LEDGER_REQUEST_H */
