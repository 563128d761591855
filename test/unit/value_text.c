/*
 * Unit tests of the text of assets, amounts and prices.  Prints TAP.
 */
#include "arithmetic/value_text.h"

#include <stdio.h>
#include <string.h>

static int	points;
static int	failures;

static void
check(bool passed, const char *what, const char *text)
{
	points++;
	if (!passed)
		failures++;
	printf("%s %d - %s '%s'\n", passed ? "ok" : "not ok", points, what, text);
}

static void
test_asset(void)
{
	static const char *good[] = {"A", "0", "USD", "BTC", "1INCH", "BRK.B", "A-B_C", "ABCDEFGHIJ", "ZZZZZZZZZZ"};
	static const char *bad[] = {"", " USD", "usd", "-A", ".A", "_A", "ABCDEFGHIJK", "US D", "U$D", "\xC3\x84"};
	/* in ASCII order, a prefix before what it begins */
	static const char *ordered[] = {"0", "1INCH", "A", "A-B", "A.B", "A0", "AA", "A_", "B", "BT", "BTC", "BTC-", "USD", "USDC", "Z", "Z_"};
	char		text[ASSET_TEXT_SIZE];
	asset_code	code;
	asset_code	previous = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check(asset_pack(good[i], strlen(good[i]), &code) && asset_is_valid(code) &&
			  asset_unpack(code, text) == (int) strlen(good[i]) && strcmp(text, good[i]) == 0 &&
			  code >> 54 == 0, "asset", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(!asset_pack(bad[i], strlen(bad[i]), &code), "no asset", bad[i]);
	for (size_t i = 0; i < sizeof(ordered) / sizeof(ordered[0]); i++)
	{
		check(asset_pack(ordered[i], strlen(ordered[i]), &code) && code > previous, "in order", ordered[i]);
		previous = code;
	}
	check(asset_parse(" \tUSD\n", 6, &code), "blanks around", "USD");
	check(!asset_is_valid(0), "no code", "0");
	check(!asset_is_valid(UINT64_MAX), "no code", "all bits");
	check(!asset_is_valid(1), "first character missing", "1");
	asset_pack("USD", 3, &code);
	check(!asset_is_valid(code | (UINT64_C(1) << 60)), "spare bits must be zero", "USD");
}

typedef struct Case
{
	const char *text;
	UnitsStatus status;
	const char *canonical;
} Case;

static void
test_amount(void)
{
	static const Case cases[] = {
		{"6030.00 USD", UNITS_OK, "6030.00 USD"},
		{" \t6030   USD \t", UNITS_OK, "6030.00 USD"},
		{"1e3 USD", UNITS_OK, "1000.00 USD"},
		{"-0.00 USD", UNITS_OK, "0.00 USD"},
		{"0.00019367 BTC", UNITS_OK, "0.00019367 BTC"},
		{"5 1INCH", UNITS_OK, "5.00 1INCH"},
		{"", UNITS_SYNTAX, NULL},
		{"5", UNITS_SYNTAX, NULL},
		{"5 ", UNITS_SYNTAX, NULL},
		{"5USD", UNITS_SYNTAX, NULL},
		{"USD 5", UNITS_SYNTAX, NULL},
		{"$5 USD", UNITS_SYNTAX, NULL},
		{"- 5 USD", UNITS_SYNTAX, NULL},
		{"NaN USD", UNITS_NOT_FINITE, NULL},
		{"5 usd", UNITS_BAD_ASSET, NULL},
		{"5 USD USD", UNITS_BAD_ASSET, NULL},
		{"5 USD/BTC", UNITS_BAD_ASSET, NULL},
		{"5 ABCDEFGHIJK", UNITS_BAD_ASSET, NULL},
		{"1e20 USD", UNITS_OVERFLOW, NULL},
		{"1e-30 USD", UNITS_TOO_MANY_DECIMALS, NULL},
	};
	char		text[AMOUNT_TEXT_SIZE];
	units		value;
	asset_code	asset;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		UnitsStatus status = amount_parse(cases[i].text, strlen(cases[i].text), &value, &asset);

		check(status == cases[i].status &&
			  (status != UNITS_OK || (amount_format(value, asset, text) == (int) strlen(text) &&
									  strcmp(text, cases[i].canonical) == 0)), "amount", cases[i].text);
	}
	check(amount_parse("-85070591730234615865.843651857942052863 ABCDEFGHIJ", 51, &value, &asset) == UNITS_OK &&
		  amount_format(value, asset, text) < AMOUNT_TEXT_SIZE, "the longest amount", text);
}

static void
test_price(void)
{
	static const Case cases[] = {
		{"64250.10 USD/BTC", UNITS_OK, "64250.10 USD/BTC"},
		{" 1e0 USD/USDC ", UNITS_OK, "1.00 USD/USDC"},
		{"5 USD", UNITS_SYNTAX, NULL},
		{"5", UNITS_SYNTAX, NULL},
		{"USD/BTC", UNITS_SYNTAX, NULL},
		{"5 /BTC", UNITS_BAD_ASSET, NULL},
		{"5 USD/", UNITS_BAD_ASSET, NULL},
		{"5 USD /BTC", UNITS_BAD_ASSET, NULL},
		{"5 USD/BTC/ETH", UNITS_BAD_ASSET, NULL},
		{"inf USD/BTC", UNITS_NOT_FINITE, NULL},
		{"1e-19 USD/BTC", UNITS_TOO_MANY_DECIMALS, NULL},
	};
	char		text[PRICE_TEXT_SIZE];
	units		value;
	asset_code	quote;
	asset_code	base;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		UnitsStatus status = price_parse(cases[i].text, strlen(cases[i].text), &value, &quote, &base);

		check(status == cases[i].status &&
			  (status != UNITS_OK || (price_format(value, quote, base, text) == (int) strlen(text) &&
									  strcmp(text, cases[i].canonical) == 0)), "price", cases[i].text);
	}
}

int
main(void)
{
	test_asset();
	test_amount();
	test_price();
	printf("1..%d\n", points);
	return failures > 0;
}
