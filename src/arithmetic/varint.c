/*-------------------------------------------------------------------------
 *
 * varint.c
 *	  LEB128.
 *-------------------------------------------------------------------------
 */
#include "arithmetic/varint.h"

int
varint_encode(unsigned_units value, uint8_t *buffer)
{
	int			length = 0;

	while (value >= 0x80)
	{
		buffer[length++] = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	buffer[length++] = (uint8_t) value;
	return length;
}

/* Refuses encodings longer than needed, so that equal values are equal bytes. */
const uint8_t *
varint_decode(const uint8_t *cursor, const uint8_t *end, unsigned_units *value)
{
	unsigned_units result = 0;

	for (int shift = 0; cursor < end && shift < 128; shift += 7)
	{
		uint8_t		byte = *cursor++;
		unsigned_units digits = byte & 0x7F;

		if (shift > 121 && (digits >> (128 - shift)) != 0)
			return NULL;
		result |= digits << shift;
		if (byte & 0x80)
			continue;
		if (byte == 0 && shift > 0)
			return NULL;
		*value = result;
		return cursor;
	}
	return NULL;
}
