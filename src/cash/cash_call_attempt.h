/*-------------------------------------------------------------------------
 *
 * cash_call_attempt.h
 *	  Attempts on cash calls of one client: posted in order, then recorded.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_CASH_CALL_ATTEMPT_H
#define BAKKT_LEDGER_CASH_CALL_ATTEMPT_H

#include "cash/cash_call.h"
#include "ledger/account_role.h"

/*
 * The order of attempts.  Customers who only pay come first: what they pay
 * covers what others are paid.  A customer who is paid gets that first, and
 * pays with it.  Within a turn the oldest call comes first.
 */
typedef enum CallTurn
{
	TURN_ONLY_WITHDRAWALS,
	TURN_DEPOSITS,
	TURN_WITHDRAWALS
} CallTurn;

/* What a run's attempts have in common */
typedef struct CallTerms
{
	int32		client_id;
	TimestampTz at;
	TimestampTz next_attempt;	/* of a call that fails */
	asset_code *uncovered;		/* assets in which the company owes customers: it pays nothing out of its cover */
	int			uncovered_count;
} CallTerms;

typedef struct Attempt
{
	CashCall	call;
	CallTurn	turn;
	const char *code;			/* of the customer, not terminated */

	/* accounts; 0: none */
	AccountSlot *settled;
	AccountSlot *cover;
	AccountSlot *due_from_fbo;
	AccountSlot *receivable;	/* or payable */
	AccountSlot *coin;
	AccountSlot *coin_encumbered;

	/* what came of it */
	const char *reason;			/* why it failed, NULL: settled */
	int64		settled_by;		/* journal */
	TimestampTz recorded_at;
} Attempt;

/* Read the assets that are uncovered; memory of the caller's that is there already is used again, since they only become fewer. */
extern void read_uncovered(CallTerms *terms, Datum array);
/* Post the attempts, in order; what they collect may cover what the company owes. */
extern void attempt_calls(CallTerms *terms, Attempt *attempts, int64 count);
/* Write an event for each, and the state of its call. */
extern void record_attempts(const CallTerms *terms, Attempt *attempts, int64 count);

#endif							/* BAKKT_LEDGER_CASH_CALL_ATTEMPT_H */
