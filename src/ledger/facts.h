/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  What a program needs to know of a refusal, as a JSON object: which name
 *	  was in the way, or what was required, what was there and whose it is.
 *	  Raised, stored and answered with the refusal (design 9).
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_FACTS_H
#define BAKKT_LEDGER_FACTS_H

#include "types/amount.h"

/* {"field": "name"}: what is unknown, ended or frozen */
extern char *facts_of_name(const char *field, const char *name);
/* {"field": "name", "status": "CLOSE_ONLY"} */
extern char *facts_of_status(const char *field, const char *name, const char *status);
/* {"field": "name", "required": "2.00 BTC", "available": "0.00 BTC"} */
extern char *facts_of_shortage(const char *field, const char *name, units required, units available, asset_code asset);
/* {"field": "name", "limit": "1000.00 USD", "figure": "900.00 USD", "trade": "200.00 USD"}; figure: NULL if there is none */
extern char *facts_of_limit(const char *field, const char *name, units limit, const char *figure, units there, units trade,
							asset_code asset);

#endif							/* BAKKT_LEDGER_FACTS_H */
