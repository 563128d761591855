/*-------------------------------------------------------------------------
 *
 * reference.h
 *	  Idempotency: one outcome per (client, reference), for ever.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_REFERENCE_H
#define BAKKT_LEDGER_REFERENCE_H

#include "ledger/request.h"

typedef struct ReferenceFinder ReferenceFinder;

/*
 * Serialise submissions that no account lock serialises: requests whose
 * outcome depends on no limited account.  Comes before every other lock.
 */
extern void reference_lock(LedgerRequest *requests, const bool *wanted, int count);

/*
 * Has the reference a form that the ledger's own functions give to theirs, in
 * a request of none of them?  Whoever had it first would stop them for ever.
 */
extern bool reference_is_reserved(const LedgerRequest *request);

extern ReferenceFinder *reference_finder_open(void);
/*
 * If the reference is known, make the request's outcome the original one, or
 * refuse it (LG020) for differing content; true in both cases.  Waits for a
 * transaction in progress that has used it.
 */
extern bool reference_replay(ReferenceFinder *finder, LedgerRequest *request, const PostOptions *options);
extern void reference_finder_close(ReferenceFinder *finder);

/* Make the outcome of one request that of an earlier one of the same batch, or refuse it. */
extern void reference_replay_within(LedgerRequest *request, const LedgerRequest *earlier,
									const PostOptions *options);

#endif							/* BAKKT_LEDGER_REFERENCE_H */
