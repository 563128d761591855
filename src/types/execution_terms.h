/*-------------------------------------------------------------------------
 *
 * execution_terms.h
 *	  What was executed, packed into about thirty bytes: a trade is a journal
 *	  whose terms hold these facts (design 5), so the money of a trade and its
 *	  postings are one row and cannot part.
 *
 * Packed: format byte, flags byte, parts byte, two bytes of decimals, then
 * varints.  Everything a netting aggregate reads (quote asset and net money)
 * comes first.  The decimals are the least that hold the values, parts that
 * are zero are left out: equal terms are bitwise equal.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_EXECUTION_TERMS_H
#define BAKKT_LEDGER_EXECUTION_TERMS_H

#include "compat.h"
#include "types/amount.h"
#include "types/price.h"

/* how the customer's cash is called (bakkt-domain 2.1) */
typedef enum FundingModel
{
	FUNDING_BAKKT_TPJ = 0,
	FUNDING_NET_SETTLEMENT = 1,
	FUNDING_APEX_TPJ = 2,
	FUNDING_NO_SETTLEMENT = 3
} FundingModel;

#define FUNDING_MODEL_COUNT 4

/* Is the customer's cash called after each execution? */
static inline bool
funding_is_called(FundingModel funding)
{
	return funding == FUNDING_BAKKT_TPJ || funding == FUNDING_APEX_TPJ;
}

#define CLIENT_ORDER_ID_LENGTH 64
#define UNKNOWN_PROVIDER_LENGTH 64

typedef struct ExecutionTerms
{
	bool		sell;			/* the customer's side */
	bool		bust;			/* takes the execution `original` back: every sign turned */
	bool		price_given;	/* the request named the customer's price */
	bool		provider_price_given; /* the request named the provider's price */
	bool		executed_at_given;	/* the request named the time */
	bool		encumbered;		/* asked for: coin bought is bound until paid for */
	FundingModel funding;		/* at execution */
	asset_code	base;
	asset_code	quote;
	int64		customer_id;
	int32		instrument_id;	/* 0 in a refused request: unknown */
	int32		provider_id;	/* 0 in a refused request: unknown, see unknown_provider */
	units		quantity;		/* > 0, base */
	units		price;			/* > 0, the customer's */
	units		provider_price;	/* > 0; the customer's when the request gave none */
	units		net_money;		/* >= 0, quote: BUY the customer pays, SELL receives */
	units		provider_money;	/* >= 0, quote: BUY the provider is paid, SELL pays */
	units		revenue_share;	/* >= 0: the client's part of the revenue, rounded */
	int32		revenue_share_bps;	/* what that part is by the client's terms at execution */
	units		fee;			/* >= 0: the itemised trade fee in net_money */
	units		markup_fixed;	/* quote per one base */
	units		fee_fixed;
	units		fee_minimum;
	int32		markup_bps;
	int32		fee_bps;
	int64		original;		/* journal busted or corrected, 0 none */
	const char *client_order_id;	/* not terminated; NULL when none */
	int			client_order_id_length;
	const char *unknown_provider;	/* the provider's code when provider_id is 0; not terminated */
	int			unknown_provider_length;
} ExecutionTerms;

typedef struct varlena PackedTerms;

#define PG_GETARG_TERMS_P(n) ((PackedTerms *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(n)))

/* what the trade earned, before the client's share: by subtraction, never from bps (I17) */
static inline units
terms_revenue(const ExecutionTerms *terms)
{
	return terms->sell ? terms->provider_money - terms->net_money : terms->net_money - terms->provider_money;
}

/* ten thousand times the client's exact part of the revenue, which is none of a loss; negative of a bust */
extern units terms_exact_share(const ExecutionTerms *terms);

/* +1 when the customer receives coin and owes money, -1 otherwise */
static inline int
terms_sign(const ExecutionTerms *terms)
{
	return terms->sell == terms->bust ? 1 : -1;
}

/* NULL when the terms hold together, else what is wrong with them */
extern const char *terms_problem(const ExecutionTerms *terms);
/* palloc'd; the terms must have no problem */
extern PackedTerms *terms_pack(const ExecutionTerms *terms);
/* false when malformed; client_order_id points into `packed` */
extern bool terms_unpack(const PackedTerms *packed, ExecutionTerms *terms);
/* the same, raising data_corrupted */
extern void terms_unpack_stored(const PackedTerms *packed, ExecutionTerms *terms);

extern const char *funding_model_name(FundingModel funding);
extern bool funding_model_parse(const char *text, size_t length, FundingModel *funding);

/* sets side, bust, funding, assets, quantity, money, prices and parties, nothing else */
extern void terms_core(const PackedTerms *packed, ExecutionTerms *terms);

/* what a netting aggregate adds up, read from the head of the value alone */
typedef struct TermsHead
{
	asset_code	quote;
	units		net_money;		/* signed: positive = the customer or client owes */
} TermsHead;

extern FundingModel terms_funding(const PackedTerms *packed);
extern void terms_head(const PackedTerms *packed, TermsHead *head);

#endif							/* BAKKT_LEDGER_EXECUTION_TERMS_H */
