/*-------------------------------------------------------------------------
 *
 * varint.h
 *	  Integers in as few bytes as they need, for packed values.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_VARINT_H
#define BAKKT_LEDGER_VARINT_H

#include "arithmetic/units.h"

/*
 * LEB128.  Decoding returns NULL on truncated input, beyond 128 bits, and on
 * encodings longer than needed.
 */
extern int	varint_encode(unsigned_units value, uint8_t *buffer);	/* at most 19 bytes */
extern const uint8_t *varint_decode(const uint8_t *cursor, const uint8_t *end, unsigned_units *value);

static inline unsigned_units
zigzag_encode(units value)
{
	return (((unsigned_units) value) << 1) ^ (unsigned_units) (value >> 127);
}

static inline units
zigzag_decode(unsigned_units value)
{
	return (units) (value >> 1) ^ -(units) (value & 1);
}

#endif							/* BAKKT_LEDGER_VARINT_H */
