/*-------------------------------------------------------------------------
 *
 * party_cache.h
 *	  What the floors above must know of customers, clients, liquidity providers
 *	  and instruments, cached per session.
 *
 * A batch first asks for everything it needs, then loads what is missing with
 * one query per table, then uses it: no query per trade.  Entries stay valid
 * until the next party_cache_begin().
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_PARTY_CACHE_H
#define BAKKT_LEDGER_PARTY_CACHE_H

#include "datatype/timestamp.h"
#include "ledger/lookup.h"
#include "types/execution_terms.h"

#define ACCOUNT_CODE_LENGTH 8
#define CLIENT_CODE_SIZE 16
#define PROVIDER_CODE_SIZE 24
#define SYMBOL_SIZE 24

typedef enum CommissionModel
{
	COMMISSION_MARKUP,
	COMMISSION_TRADE_FEE,
	COMMISSION_BOTH
} CommissionModel;

typedef struct Customer
{
	char		code[ACCOUNT_CODE_LENGTH];	/* hash key */
	int64		customer_id;	/* 0: wanted, or unknown */
	int32		client_id;
	bool		may_buy;		/* by mode and party status */
	bool		may_sell;
	bool		overrides_funding;
	FundingModel funding;
} Customer;

typedef struct Client
{
	int32		client_id;		/* hash key */
	char		code[CLIENT_CODE_SIZE];
	FundingModel funding;
	CommissionModel commission;
	int			revenue_share_bps;
	int			price_concession_bps;	/* how much worse than the provider's the customer's price may be for the company */
	int			price_band_bps; /* around the provider's last execution; 0: none */
	TimestampTz trading_begins; /* nothing was executed before */
} Client;

typedef struct Provider
{
	char		code[PROVIDER_CODE_SIZE];	/* hash key */
	int32		provider_id;
	bool		active;
} Provider;

typedef struct Pair
{
	asset_code	base;
	asset_code	quote;
} Pair;

/* The status of an instrument or asset, and what it lets pass: a row of trading_status */
typedef struct Standing
{
	char		status[TRADING_STATUS_SIZE];
	bool		may_buy;
	bool		may_sell;
	bool		may_post;
} Standing;

typedef struct Instrument
{
	Pair		pair;			/* hash key */
	int32		instrument_id;
	char		symbol[SYMBOL_SIZE];
	units		tick;			/* price increment */
	units		step;			/* quantity increment */
	int			money_decimals; /* of the quote asset */
	Standing	standing;		/* its own */
	Standing	base_standing;
	Standing	quote_standing;
	bool		open[2];		/* takes buys, takes sells: of all three standings */
} Instrument;

/* Take note of changes by others; forget everything if there were any. */
extern void party_cache_begin(void);
/* Has anything changed since, as far as this session has heard? */
extern bool party_cache_is_stale(void);

/* NULL: the code has not eight characters */
extern Customer *customer_want(const char *code, int length);
extern void customers_load(void);

extern Client *client_of(int32 client_id);
extern Provider *provider_by_code(const char *code, int length);	/* NULL: unknown */
extern const Provider *provider_by_id(int32 provider_id);
extern Instrument *instrument_of(asset_code base, asset_code quote);	/* NULL: unknown */
/* The instrument as it is by now, past the cache. */
extern Instrument instrument_now(const Instrument *known);

#endif							/* BAKKT_LEDGER_PARTY_CACHE_H */
