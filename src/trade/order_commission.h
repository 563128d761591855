/*-------------------------------------------------------------------------
 *
 * order_commission.h
 *	  Running fees of the orders that have a fixed or a minimum fee (I18).
 *
 * A row of order_commission exists only for such orders.  It is locked before
 * any account and in key order, like everything else a call locks.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_ORDER_COMMISSION_H
#define BAKKT_LEDGER_ORDER_COMMISSION_H

#include "trade/trade_money.h"
#include "types/execution_terms.h"

typedef struct OrderKey
{
	int64		customer_id;
	asset_code	asset;
	int32		client_id;
	char		client_order_id[CLIENT_ORDER_ID_LENGTH + 4];	/* zero padded */
} OrderKey;

typedef struct OrderCommission
{
	OrderKey	key;			/* hash key */
	OrderFees	fees;			/* running, from the stored ones on */
	bool		changed;
} OrderCommission;

typedef struct OrderBook OrderBook;

/* Do the terms name what their order costs? */
static inline bool
names_order_fees(const ExecutionTerms *terms)
{
	return terms->client_order_id != NULL && (terms->fee_fixed != 0 || terms->fee_minimum != 0);
}

extern OrderBook *order_book_make(void);
extern bool order_book_is_empty(const OrderBook *book);
extern OrderCommission *order_want(OrderBook *book, int32 client_id, const ExecutionTerms *terms);
/* Is the order in the book, or has it fees by its fills that are committed?  Ask for all, then end the search. */
extern bool order_has_fees(OrderBook *book, int32 client_id, const ExecutionTerms *terms);
extern void order_search_end(OrderBook *book);
/* A fill of the order counts, or no longer (sign -1). */
extern void order_count(OrderCommission *order, const ExecutionTerms *terms, units exact, units fee, int sign);
/* Read the running fees; `write`: open missing rows and lock them until the transaction ends. */
extern void order_book_load(OrderBook *book, bool write);
/* Write the running fees that changed. */
extern void order_book_record(OrderBook *book);

#endif							/* BAKKT_LEDGER_ORDER_COMMISSION_H */
