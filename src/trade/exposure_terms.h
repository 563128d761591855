/*-------------------------------------------------------------------------
 *
 * exposure_terms.h
 *	  Whether a client may trade, and its limits and those of providers,
 *	  cached per session.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_EXPOSURE_TERMS_H
#define BAKKT_LEDGER_EXPOSURE_TERMS_H

#include "datatype/timestamp.h"
#include "types/amount.h"

/* a limit of one currency; UNITS_MAX: none */
typedef struct ExposureLimit
{
	asset_code	asset;
	units		net_debit_cap;
	units		trade_limit;
	units		daily_gross_limit;
} ExposureLimit;

typedef enum TradingStatus
{
	TRADING_ACTIVE,
	TRADING_CLOSE_ONLY,
	TRADING_SUSPENDED
} TradingStatus;

/* Of the rows of client_trading_status and exposure_limit */
typedef struct ExposureTerms
{
	int32		client_id;		/* hash key */
	TradingStatus status;
	TimestampTz until;			/* when it is ACTIVE again */
	bool		gross;			/* some limit is daily */
	int			count;
	ExposureLimit *limits;
} ExposureTerms;

/* Take note of changes by others; forget everything if there were any. */
extern void exposure_terms_begin(void);
/* Good until the next exposure_terms_begin(). */
extern const ExposureTerms *exposure_terms_of(int32 client_id);
/* NULL: the client has none in the currency */
extern const ExposureLimit *exposure_limit_in(const ExposureTerms *terms, asset_code asset);
/* Has any provider a limit? */
extern bool providers_are_limited(void);
/* What may be executed with the provider at once; UNITS_MAX: any amount. */
extern units provider_trade_limit(int32 provider_id, asset_code asset);

#endif							/* BAKKT_LEDGER_EXPOSURE_TERMS_H */
