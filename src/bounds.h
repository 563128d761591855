/*-------------------------------------------------------------------------
 *
 * bounds.h
 *	  How large one call may be (design 5: nobody stops the others).
 *
 * Work is near linear in these numbers and memory goes by them; beyond them
 * a call is refused (54000) instead of taking the server's memory.  Larger
 * batches come in several calls of one transaction.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_BOUNDS_H
#define BAKKT_LEDGER_BOUNDS_H

#define JOURNAL_ENTRY_MAX_LINES 1000000
/* elements of an array of requests, references, codes or numbers */
#define BATCH_MAX_REQUESTS 100000
/* of all requests of a call together */
#define BATCH_MAX_LINES 1000000

#endif							/* BAKKT_LEDGER_BOUNDS_H */
