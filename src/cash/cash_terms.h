/*-------------------------------------------------------------------------
 *
 * cash_terms.h
 *	  What a client has agreed on its customers' cash, cached per session.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_CASH_TERMS_H
#define BAKKT_LEDGER_CASH_TERMS_H

/* Of a row of cash_terms, or the defaults of a client without one. */
typedef struct CashTerms
{
	int32		client_id;		/* hash key */
	bool		encumbers_unpaid;	/* coin bought with cash not yet paid is bound */
	bool		prefunded;		/* no purchase without buying power */
} CashTerms;

/* Take note of changes by others; forget everything if there were any. */
extern void cash_terms_begin(void);
/* Good until the next cash_terms_begin(). */
extern const CashTerms *cash_terms_of(int32 client_id);

#endif							/* BAKKT_LEDGER_CASH_TERMS_H */
