/*
 * Fuzz the text of values: no input reads beyond its end, and what is
 * accepted has a canonical text that means the same value.
 */
#include "arithmetic/value_text.h"

#include <stdlib.h>
#include <string.h>

static void
require(bool law)
{
	if (!law)
		abort();
}

static void
fuzz_units(const char *text, size_t length)
{
	units		value;
	units		again;
	char		canonical[UNITS_TEXT_SIZE];
	char		twice[UNITS_TEXT_SIZE];
	int			written;

	if (units_parse(text, length, &value) != UNITS_OK)
		return;
	require(units_in_range(value));
	written = units_format(value, MINIMUM_DECIMALS, canonical);
	require(written < UNITS_TEXT_SIZE && written == (int) strlen(canonical));
	require(units_parse(canonical, (size_t) written, &again) == UNITS_OK && again == value);
	units_format(again, MINIMUM_DECIMALS, twice);
	require(strcmp(canonical, twice) == 0);
}

static void
fuzz_asset(const char *text, size_t length)
{
	asset_code	code;
	char		canonical[ASSET_TEXT_SIZE];
	int			written;

	if (!asset_pack(text, length, &code))
		return;
	written = asset_unpack(code, canonical);
	require(asset_is_valid(code) && (size_t) written == length && memcmp(canonical, text, length) == 0);
}

/* Any eight bytes: valid exactly when they are some text's code. */
static void
fuzz_code(const char *bytes, size_t length)
{
	asset_code	code = 0;
	asset_code	again;
	char		text[ASSET_TEXT_SIZE];

	memcpy(&code, bytes, length < sizeof(code) ? length : sizeof(code));
	code >>= 8;
	asset_unpack(code, text);
	if (asset_is_valid(code))
		require(asset_pack(text, strlen(text), &again) && again == code);
}

static void
fuzz_amount(const char *text, size_t length)
{
	units		value;
	units		value_again;
	asset_code	asset;
	asset_code	asset_again;
	char		canonical[AMOUNT_TEXT_SIZE];
	int			written;

	if (amount_parse(text, length, &value, &asset) != UNITS_OK)
		return;
	written = amount_format(value, asset, canonical);
	require(written < AMOUNT_TEXT_SIZE && written == (int) strlen(canonical));
	require(amount_parse(canonical, (size_t) written, &value_again, &asset_again) == UNITS_OK);
	require(value == value_again && asset == asset_again);
}

static void
fuzz_price(const char *text, size_t length)
{
	units		value;
	units		value_again;
	asset_code	quote;
	asset_code	quote_again;
	asset_code	base;
	asset_code	base_again;
	char		canonical[PRICE_TEXT_SIZE];
	int			written;

	if (price_parse(text, length, &value, &quote, &base) != UNITS_OK)
		return;
	written = price_format(value, quote, base, canonical);
	require(written < PRICE_TEXT_SIZE && written == (int) strlen(canonical));
	require(price_parse(canonical, (size_t) written, &value_again, &quote_again, &base_again) == UNITS_OK);
	require(value == value_again && quote == quote_again && base == base_again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* an exact copy on the heap, so that reading past its end is seen */
	char	   *text = malloc(size ? size : 1);

	memcpy(text, data, size);
	fuzz_units(text, size);
	fuzz_asset(text, size);
	fuzz_code(text, size);
	fuzz_amount(text, size);
	fuzz_price(text, size);
	free(text);
	return 0;
}
