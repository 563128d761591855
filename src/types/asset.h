/*-------------------------------------------------------------------------
 *
 * asset.h
 *	  An asset code in eight bytes, passed by value.
 *
 * Codes are 1 to 10 characters of [A-Z0-9._-], first character a letter or
 * digit, packed base 40 most significant character first in ASCII order, so
 * that comparing the integers compares the texts.  The upper 10 bits are
 * zero: room for a format version.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_ASSET_H
#define BAKKT_LEDGER_ASSET_H

#include "postgres.h"
#include "fmgr.h"

typedef uint64 asset_code;

#define ASSET_CODE_LENGTH	10
#define ASSET_TEXT_SIZE		(ASSET_CODE_LENGTH + 1)

#define DatumGetAsset(d)		((asset_code) DatumGetInt64(d))
#define AssetGetDatum(a)		Int64GetDatum((int64) (a))
#define PG_GETARG_ASSET(n)		DatumGetAsset(PG_GETARG_DATUM(n))
#define PG_RETURN_ASSET(a)		return AssetGetDatum(a)

/* false when text[0..length) is no asset code */
extern bool asset_pack(const char *text, size_t length, asset_code *result);
/* writes the terminated text, returns its length */
extern int	asset_unpack(asset_code code, char *buffer);
/* palloc'd text, for messages */
extern char *asset_text(asset_code code);
extern bool asset_is_valid(asset_code code);

#endif							/* BAKKT_LEDGER_ASSET_H */
