/*-------------------------------------------------------------------------
 *
 * value_text.h
 *	  Text of assets, amounts and prices, both ways.  Pure C like floor 0,
 *	  so that the fuzzers reach it without a server.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_VALUE_TEXT_H
#define BAKKT_LEDGER_VALUE_TEXT_H

#include "arithmetic/units.h"

/*
 * Codes are 1 to 10 characters of [A-Z0-9._-], first character a letter or
 * digit, packed base 40 most significant character first in ASCII order, so
 * that comparing the integers compares the texts.  The upper 10 bits are
 * zero: room for a format version.
 */
typedef uint64_t asset_code;

#define ASSET_CODE_LENGTH	10
#define ASSET_TEXT_SIZE		(ASSET_CODE_LENGTH + 1)

/* people expect cents, also where there are none */
#define MINIMUM_DECIMALS	2

#define AMOUNT_TEXT_SIZE	(UNITS_TEXT_SIZE + ASSET_TEXT_SIZE)
#define PRICE_TEXT_SIZE		(AMOUNT_TEXT_SIZE + ASSET_TEXT_SIZE)

/* false when text[0..length) is no asset code */
extern bool asset_pack(const char *text, size_t length, asset_code *result);
/* writes the terminated text, returns its length */
extern int	asset_unpack(asset_code code, char *buffer);
extern bool asset_is_valid(asset_code code);

/* asset code with blanks around it */
extern bool asset_parse(const char *text, size_t length, asset_code *result);

/* '6030.00 USD'; the whole of text[0..length), blanks around it allowed */
extern UnitsStatus amount_parse(const char *text, size_t length,
								units *value, asset_code *asset);
/* '64250.10 USD/BTC' */
extern UnitsStatus price_parse(const char *text, size_t length, units *value,
							   asset_code *quote, asset_code *base);

/* canonical text, terminated; return its length */
extern int	amount_format(units value, asset_code asset, char *buffer);
extern int	price_format(units value, asset_code quote, asset_code base, char *buffer);

#endif							/* BAKKT_LEDGER_VALUE_TEXT_H */
