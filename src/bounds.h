/*-------------------------------------------------------------------------
 *
 * bounds.h
 *	  What a call, a request and a line may hold (design 5: nobody stops the
 *	  others).
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

/* bytes of a request's reference */
#define REFERENCE_MAX_LENGTH 200

/*
 * The most one line can move, 10^13 whole units: a hundred million dollars of
 * a coin at a thousandth of a cent.  House accounts are not checked when
 * posted; with this limit no call, and no eight million of the largest lines,
 * can bring the sum of one out of the type's range, which would stop its
 * readers and the sealer.  Larger movements take several lines.
 */
#define LINE_AMOUNT_MAX (UNITS_ONE * INT64CONST(10000000000000))

#endif							/* BAKKT_LEDGER_BOUNDS_H */
