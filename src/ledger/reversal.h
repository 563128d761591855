/*-------------------------------------------------------------------------
 *
 * reversal.h
 *	  What of a journal can still be taken back (I3).
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_REVERSAL_H
#define BAKKT_LEDGER_REVERSAL_H

#include "ledger/request.h"

/* What remains of the debits or of the credits of one account */
typedef struct ReversalShare
{
	account_id	account;
	bool		debit;
	units		remaining;		/* not negative */
} ReversalShare;

typedef struct Reversal
{
	int32		client_id;
	int64		journal_id;
	bool		found;
	bool		is_reversal;	/* the journal is itself one */
	JournalKind kind;			/* of the original */
	int			deficits;		/* reversals that left a deficit: nothing remains after one */
	EntryLine  *lines;			/* of the original, as posted */
	int			line_count;
	ReversalShare *shares;		/* by account */
	int			share_count;
} Reversal;

/*
 * Lock the journal against other reversals until the transaction ends and
 * read what earlier ones have left.
 */
extern Reversal *reversal_load(int32 client_id, int64 journal_id);
/* Refuse the request unless its lines fit into what remains. */
extern void reversal_check(const Reversal *reversal, LedgerRequest *request);
/* Take the request's lines from what remains; sign -1 gives them back. */
extern void reversal_apply(Reversal *reversal, const LedgerRequest *request, int sign);
/* The journal's lines negated, NULL if there is no such journal. */
extern JournalEntry *reversal_entry(int32 client_id, int64 journal_id);

#endif							/* BAKKT_LEDGER_REVERSAL_H */
