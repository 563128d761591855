/*-------------------------------------------------------------------------
 *
 * asset.h
 *	  An asset code in eight bytes, passed by value.  Its packing, and why
 *	  integer order is text order, is in value_text.h.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_ASSET_H
#define BAKKT_LEDGER_ASSET_H

#include "postgres.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

#include "arithmetic/value_text.h"

#define DatumGetAsset(d)		((asset_code) DatumGetInt64(d))
#define AssetGetDatum(a)		Int64GetDatum((int64) (a))
#define PG_GETARG_ASSET(n)		DatumGetAsset(PG_GETARG_DATUM(n))
#define PG_RETURN_ASSET(a)		return AssetGetDatum(a)

/* palloc'd text, for messages */
extern char *asset_text(asset_code code);
/* the code a message carries, or an error: every receive function uses it */
extern asset_code asset_receive(StringInfo message);

#endif							/* BAKKT_LEDGER_ASSET_H */
