/*-------------------------------------------------------------------------
 *
 * canonical.h
 *	  The canonical form of values that are hashed (doc/blocks.md): a
 *	  big-endian length and the bytes.
 *
 * It does not depend on locale, encoding, settings or byte order: integers and
 * times (microseconds since 2000-01-01 UTC) are eight bytes big-endian, text is
 * UTF-8, NULL has the length 0xFFFFFFFF.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_CANONICAL_H
#define BAKKT_LEDGER_CANONICAL_H

#include "postgres.h"

#include "lib/stringinfo.h"

extern void canonical_null(StringInfo buffer);
extern void canonical_int(StringInfo buffer, int64 value);
extern void canonical_bytes(StringInfo buffer, const void *bytes, Size size);
extern void canonical_text(StringInfo buffer, const text *value);
/* A value whose packed form is canonical: entry, terms. */
extern void canonical_varlena(StringInfo buffer, Datum value);

#endif							/* BAKKT_LEDGER_CANONICAL_H */
