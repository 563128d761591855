/*-------------------------------------------------------------------------
 *
 * value_text.c
 *	  Text of assets, amounts and prices, both ways (no PostgreSQL calls).
 *-------------------------------------------------------------------------
 */
#include "arithmetic/value_text.h"

#include <string.h>

#define BASE 40

/* digits of base 40 in ASCII order; 0 is "no character" */
static const char alphabet[BASE + 1] = " -.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_";

#define FIRST_LETTER_OR_DIGIT	3
#define LAST_LETTER_OR_DIGIT	38

/* The digit of a character, or 0 when it may not stand in a code. */
static unsigned
digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned) (c - 'A') + 13;
	if (c >= '0' && c <= '9')
		return (unsigned) (c - '0') + 3;
	switch (c)
	{
		case '-':
			return 1;
		case '.':
			return 2;
		case '_':
			return 39;
		default:
			return 0;
	}
}

bool
asset_pack(const char *text, size_t length, asset_code *result)
{
	asset_code	code = 0;

	if (length == 0 || length > ASSET_CODE_LENGTH)
		return false;
	for (size_t i = 0; i < ASSET_CODE_LENGTH; i++)
	{
		unsigned	digit = i < length ? digit_of(text[i]) : 0;

		if (i < length && digit == 0)
			return false;
		if (i == 0 && (digit < FIRST_LETTER_OR_DIGIT || digit > LAST_LETTER_OR_DIGIT))
			return false;
		code = code * BASE + digit;
	}
	*result = code;
	return true;
}

int
asset_unpack(asset_code code, char *buffer)
{
	int			length = 0;

	for (int i = ASSET_CODE_LENGTH - 1; i >= 0; i--, code /= BASE)
	{
		buffer[i] = alphabet[code % BASE];
		if (length == 0 && code % BASE != 0)
			length = i + 1;
	}
	buffer[length] = '\0';
	return length;
}

/* What text can't produce is not valid: binary input relies on it. */
bool
asset_is_valid(asset_code code)
{
	char		text[ASSET_TEXT_SIZE];
	asset_code	again;
	int			length = asset_unpack(code, text);

	return asset_pack(text, (size_t) length, &again) && again == code;
}

static inline bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Narrow [*start, *end) to what lies between the outer blanks. */
static void
trim(const char **start, const char **end)
{
	while (*start < *end && is_blank(**start))
		(*start)++;
	while (*start < *end && is_blank((*end)[-1]))
		(*end)--;
}

bool
asset_parse(const char *text, size_t length, asset_code *result)
{
	const char *end = text + length;

	trim(&text, &end);
	return asset_pack(text, (size_t) (end - text), result);
}

/*
 * Parse the leading number, which ends at a blank, and leave [*start, *end)
 * at the word behind it.
 */
static UnitsStatus
parse_number(const char **start, const char **end, units *value)
{
	const char *number;
	const char *number_end;

	trim(start, end);
	number = number_end = *start;
	while (number_end < *end && !is_blank(*number_end))
		number_end++;
	*start = number_end;
	trim(start, end);
	return units_parse(number, (size_t) (number_end - number), value);
}

/* A bad number is reported before a bad asset, garbage before either. */
UnitsStatus
amount_parse(const char *text, size_t length, units *value, asset_code *asset)
{
	const char *end = text + length;
	UnitsStatus status = parse_number(&text, &end, value);

	if (status != UNITS_OK)
		return status;
	if (text == end)
		return UNITS_SYNTAX;
	return asset_pack(text, (size_t) (end - text), asset) ? UNITS_OK : UNITS_BAD_ASSET;
}

UnitsStatus
price_parse(const char *text, size_t length, units *value,
			asset_code *quote, asset_code *base)
{
	const char *end = text + length;
	const char *slash;
	UnitsStatus status = parse_number(&text, &end, value);

	if (status != UNITS_OK)
		return status;
	slash = memchr(text, '/', (size_t) (end - text));
	if (slash == NULL)
		return UNITS_SYNTAX;
	if (!asset_pack(text, (size_t) (slash - text), quote) ||
		!asset_pack(slash + 1, (size_t) (end - slash - 1), base))
		return UNITS_BAD_ASSET;
	return UNITS_OK;
}

int
amount_format(units value, asset_code asset, char *buffer)
{
	int			length = units_format(value, MINIMUM_DECIMALS, buffer);

	buffer[length++] = ' ';
	return length + asset_unpack(asset, buffer + length);
}

int
price_format(units value, asset_code quote, asset_code base, char *buffer)
{
	int			length = amount_format(value, quote, buffer);

	buffer[length++] = '/';
	return length + asset_unpack(base, buffer + length);
}
