/*-------------------------------------------------------------------------
 *
 * journal_entry_packed.c
 *	  Reading and writing the packed bytes of a journal entry.
 *
 * The format is described in journal_entry.h.  Almost every varint of a real
 * entry fits 64 bits, hence the fast path.
 *-------------------------------------------------------------------------
 */
#include "types/journal_entry_packed.h"

#define ACCOUNT_BITS 59			/* 56 of number, 3 of fund */

/* Up to nine bytes here, longer ones through the 128-bit decoder. */
static const uint8_t *
read_varint(const uint8_t *cursor, const uint8_t *end, unsigned_units *value)
{
	uint64_t	small = 0;
	const uint8_t *start = cursor;

	for (int shift = 0; shift < 63 && cursor < end; shift += 7)
	{
		uint8_t		byte = *cursor++;

		small |= (uint64_t) (byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
		{
			*value = small;
			return cursor;
		}
	}
	return varint_decode(start, end, value);
}

static const uint8_t *
read_count(const uint8_t *cursor, const uint8_t *end, uint32_t maximum, uint32_t *count)
{
	unsigned_units value;

	cursor = read_varint(cursor, end, &value);
	if (cursor == NULL || value == 0 || value > maximum)
		return NULL;
	*count = (uint32_t) value;
	return cursor;
}

static bool
decimals_are_valid(const EntryReader *reader)
{
	for (uint32_t i = 0; i < reader->asset_count; i++)
		if (reader->assets[i * PACKED_ASSET_SIZE + PACKED_ASSET_SIZE - 1] > UNITS_DECIMALS)
			return false;
	return true;
}

bool
entry_reader_begin(EntryReader *reader, const void *bytes, size_t length)
{
	const uint8_t *cursor = bytes;
	const uint8_t *end = cursor + length;

	*reader = (EntryReader) {.end = end, .malformed = true};
	if (length < 1 || *cursor++ != JOURNAL_ENTRY_FORMAT)
		return false;
	cursor = read_count(cursor, end, JOURNAL_ENTRY_MAX_LINES, &reader->asset_count);
	if (cursor == NULL || (size_t) (end - cursor) / PACKED_ASSET_SIZE < reader->asset_count)
		return false;
	reader->assets = cursor;
	if (!decimals_are_valid(reader))
		return false;
	cursor += (size_t) reader->asset_count * PACKED_ASSET_SIZE;
	cursor = read_count(cursor, end, JOURNAL_ENTRY_MAX_LINES, &reader->line_count);
	/* two bytes a line at least: a bound for whoever allocates by the count */
	if (cursor == NULL || (size_t) (end - cursor) / 2 < reader->line_count)
		return false;
	reader->cursor = cursor;
	reader->malformed = false;
	return true;
}

uint64_t
packed_asset(const uint8_t *assets, uint32_t index)
{
	const uint8_t *bytes = assets + (size_t) index * PACKED_ASSET_SIZE;
	uint64_t	asset = 0;

	for (int i = 0; i < PACKED_ASSET_SIZE - 1; i++)
		asset = (asset << 8) | bytes[i];
	return asset;
}

/* An amount in 10^-decimals as units; false beyond UNITS_MAX. */
static bool
scale_up(units value, int decimals, units *result)
{
	units		factor = power_of_ten(UNITS_DECIMALS - decimals);

	/* 2^63 * 10^18 is below UNITS_MAX: the usual case needs no division */
	if (value == (int64_t) value)
	{
		*result = value * factor;
		return true;
	}
	if (value > UNITS_MAX / factor || value < -(UNITS_MAX / factor))
		return false;
	*result = value * factor;
	return true;
}

/* Split account * assets + index, in 64 bits when they suffice. */
static bool
split_key(EntryReader *reader, unsigned_units key, EntryLine *line, uint32_t *index)
{
	unsigned_units account;

	if (key <= UINT64_MAX)
	{
		account = (uint64_t) key / reader->asset_count;
		*index = (uint32_t) ((uint64_t) key % reader->asset_count);
	}
	else
	{
		account = key / reader->asset_count;
		*index = (uint32_t) (key % reader->asset_count);
	}
	line->account = (int64_t) account;
	return account >> ACCOUNT_BITS == 0;
}

static bool
read_line(EntryReader *reader, EntryLine *line)
{
	unsigned_units value;
	uint32_t	index;
	const uint8_t *cursor = read_varint(reader->cursor, reader->end, &value);

	if (cursor == NULL || !split_key(reader, value, line, &index))
		return false;
	cursor = read_varint(cursor, reader->end, &value);
	if (cursor == NULL)
		return false;
	reader->cursor = cursor;
	line->asset = packed_asset(reader->assets, index);
	return scale_up(zigzag_decode(value),
					reader->assets[(size_t) index * PACKED_ASSET_SIZE + PACKED_ASSET_SIZE - 1],
					&line->amount);
}

bool
entry_reader_next(EntryReader *reader, EntryLine *line)
{
	if (reader->malformed)
		return false;
	if (reader->line == reader->line_count)
	{
		reader->malformed = reader->cursor != reader->end;
		return false;
	}
	if (!read_line(reader, line))
	{
		reader->malformed = true;
		return false;
	}
	reader->line++;
	return true;
}

uint8_t *
pack_asset(uint8_t *cursor, uint64_t asset, int decimals)
{
	for (int shift = 48; shift >= 0; shift -= 8)
		*cursor++ = (uint8_t) (asset >> shift);
	*cursor++ = (uint8_t) decimals;
	return cursor;
}

uint8_t *
pack_line(uint8_t *cursor, const EntryLine *line, uint32_t asset_count,
		  uint32_t asset_index, int decimals)
{
	units		value = line->amount / power_of_ten(UNITS_DECIMALS - decimals);

	cursor += varint_encode((unsigned_units) line->account * asset_count + asset_index, cursor);
	cursor += varint_encode(zigzag_encode(value), cursor);
	return cursor;
}
