/*
 * libFuzzer harness of what reads the text and the packed bytes of a journal entry (see test/soak).
 * An odd first byte says text, an even one bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "types/journal_entry_packed.c"
#include "types/journal_entry_scan.c"

static void
require(bool condition)
{
	if (!condition)
		abort();
}

/* Whatever is accepted lies within the input and is in range; scanning ends. */
static void
fuzz_text(const char *text, size_t length)
{
	EntryScan	scan;
	ScannedLine line;
	ScanStatus	status;
	int			lines = 0;

	entry_scan_begin(&scan, text, length);
	while ((status = entry_scan_next(&scan, &line)) == SCAN_LINE)
	{
		require(++lines == scan.lines && (size_t) lines <= length);
		require(units_in_range(line.amount) && line.account > 0);
		require(line.asset.text >= text && line.asset.text + line.asset.length <= text + length);
	}
	require(scan.cursor >= text && scan.cursor <= text + length);
	if (status != SCAN_END && scan.token.length > 0)
		require(scan.token.text >= text && scan.token.text + scan.token.length <= text + length);
	(void) entry_line_scan(&scan, text, length, &line);
}

/* A line that was read and is written again reads the same. */
static void
reread(const EntryReader *source, const EntryLine *line, uint32_t index)
{
	uint8_t		bytes[PACKED_LINE_MAX_SIZE];
	int			decimals = source->assets[index * PACKED_ASSET_SIZE + PACKED_ASSET_SIZE - 1];
	uint8_t    *end = pack_line(bytes, line, source->asset_count, index, decimals);
	EntryReader reader = *source;
	EntryLine	again;

	reader.cursor = bytes;
	reader.end = end;
	reader.line = 0;
	reader.line_count = 1;
	require(end <= bytes + sizeof(bytes));
	require(entry_reader_next(&reader, &again) && again.account == line->account &&
			again.asset == line->asset && again.amount == line->amount);
}

static void
fuzz_bytes(const uint8_t *bytes, size_t length)
{
	EntryReader reader;
	EntryLine	line;
	uint32_t	lines = 0;

	if (!entry_reader_begin(&reader, bytes, length))
		return;
	require(reader.line_count <= length / 2);
	while (entry_reader_next(&reader, &line))
	{
		require(++lines <= reader.line_count && units_in_range(line.amount));
		for (uint32_t i = 0; i < reader.asset_count && i < 3; i++)
			if (packed_asset(reader.assets, i) == line.asset &&
				units_fits_decimals(line.amount, reader.assets[i * PACKED_ASSET_SIZE + PACKED_ASSET_SIZE - 1]))
				reread(&reader, &line, i);
	}
	require(reader.malformed || lines == reader.line_count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		fuzz_text((const char *) data + 1, size - 1);
	else
		fuzz_bytes(data + 1, size - 1);
	return 0;
}
