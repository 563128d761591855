/*-------------------------------------------------------------------------
 *
 * execution_terms_io.c
 *	  Text and binary input and output of execution terms.
 *
 * The text is one flat JSON object, so that it can be read by people, parsed
 * back here and cast to jsonb by anybody.  Revenue is printed for the reader;
 * on input it is only compared, never believed (I17).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "errors.h"
#include "types/execution_terms.h"

typedef enum TermsField
{
	FIELD_SIDE,
	FIELD_QUANTITY,
	FIELD_PRICE,
	FIELD_PROVIDER_PRICE,
	FIELD_NET_MONEY,
	FIELD_PROVIDER_MONEY,
	FIELD_REVENUE,
	FIELD_REVENUE_SHARE_BPS,
	FIELD_REVENUE_SHARE,
	FIELD_FEE,
	FIELD_FUNDING_MODEL,
	FIELD_CUSTOMER,
	FIELD_INSTRUMENT,
	FIELD_PROVIDER,
	FIELD_UNKNOWN_PROVIDER,
	FIELD_MARKUP_BPS,
	FIELD_MARKUP_FIXED,
	FIELD_FEE_BPS,
	FIELD_FEE_FIXED,
	FIELD_FEE_MINIMUM,
	FIELD_CLIENT_ORDER_ID,
	FIELD_ENCUMBERED,
	FIELD_GIVEN,
	FIELD_CORRECTS,
	FIELD_BUSTS,
	FIELD_COUNT
} TermsField;

static const char *const field_names[FIELD_COUNT] = {
	"side", "quantity", "price", "provider_price", "net_money", "provider_money", "revenue", "revenue_share_bps", "revenue_share", "fee",
	"funding_model", "customer", "instrument", "provider", "unknown_provider", "markup_bps", "markup_fixed", "fee_bps", "fee_fixed", "fee_minimum",
	"client_order_id", "encumbered", "given", "corrects", "busts"
};

#define FIELD_BIT(field) (1U << (field))
#define REQUIRED_FIELDS \
	(FIELD_BIT(FIELD_SIDE) | FIELD_BIT(FIELD_QUANTITY) | FIELD_BIT(FIELD_PRICE) | \
	 FIELD_BIT(FIELD_NET_MONEY) | FIELD_BIT(FIELD_PROVIDER_MONEY) | FIELD_BIT(FIELD_FUNDING_MODEL) | \
	 FIELD_BIT(FIELD_CUSTOMER))

#define GIVEN_COUNT 3
static const char *const given_names[GIVEN_COUNT] = {"price", "provider_price", "executed_at"};

/* ---- output ---- */

static void
write_key(StringInfo out, TermsField field)
{
	appendStringInfo(out, "%s\"%s\": ", out->len > 1 ? ", " : "", field_names[field]);
}

static void
write_amount(StringInfo out, TermsField field, units value, asset_code asset)
{
	write_key(out, field);
	appendStringInfo(out, "\"%s\"", amount_text(value, asset));
}

static void
write_amount_if(StringInfo out, TermsField field, units value, asset_code asset)
{
	if (value != 0)
		write_amount(out, field, value, asset);
}

static void
write_price(StringInfo out, TermsField field, units value, const ExecutionTerms *terms)
{
	write_key(out, field);
	appendStringInfo(out, "\"%s\"", price_text(value, terms->quote, terms->base));
}

static void
write_integer(StringInfo out, TermsField field, int64 value)
{
	if (value == 0)
		return;
	write_key(out, field);
	appendStringInfo(out, INT64_FORMAT, value);
}

/* what is not ASCII goes through as it is: JSON allows it */
static void
write_text(StringInfo out, TermsField field, const char *text, int length)
{
	if (text == NULL)
		return;
	write_key(out, field);
	appendStringInfoChar(out, '"');
	for (int i = 0; i < length; i++)
	{
		unsigned char byte = text[i];

		if (byte == '"' || byte == '\\')
			appendStringInfoChar(out, '\\');
		if (byte < 0x20)
			appendStringInfo(out, "\\u%04x", byte);
		else
			appendStringInfoChar(out, byte);
	}
	appendStringInfoChar(out, '"');
}

static void
write_given(StringInfo out, const ExecutionTerms *terms)
{
	const bool	given[GIVEN_COUNT] = {terms->price_given, terms->provider_price_given, terms->executed_at_given};
	const char *separator = "";

	if (!terms->price_given && !terms->provider_price_given && !terms->executed_at_given)
		return;
	write_key(out, FIELD_GIVEN);
	appendStringInfoChar(out, '"');
	for (int i = 0; i < GIVEN_COUNT; i++)
		if (given[i])
		{
			appendStringInfo(out, "%s%s", separator, given_names[i]);
			separator = " ";
		}
	appendStringInfoChar(out, '"');
}

static void
write_terms(StringInfo out, const ExecutionTerms *terms)
{
	write_key(out, FIELD_SIDE);
	appendStringInfo(out, "\"%s\"", terms->sell ? "SELL" : "BUY");
	write_amount(out, FIELD_QUANTITY, terms->quantity, terms->base);
	write_price(out, FIELD_PRICE, terms->price, terms);
	write_price(out, FIELD_PROVIDER_PRICE, terms->provider_price, terms);
	write_amount(out, FIELD_NET_MONEY, terms->net_money, terms->quote);
	write_amount(out, FIELD_PROVIDER_MONEY, terms->provider_money, terms->quote);
	write_amount(out, FIELD_REVENUE, terms_revenue(terms), terms->quote);
	write_integer(out, FIELD_REVENUE_SHARE_BPS, terms->revenue_share_bps);
	write_amount_if(out, FIELD_REVENUE_SHARE, terms->revenue_share, terms->quote);
	write_amount_if(out, FIELD_FEE, terms->fee, terms->quote);
	write_key(out, FIELD_FUNDING_MODEL);
	appendStringInfo(out, "\"%s\"", funding_model_name(terms->funding));
	write_integer(out, FIELD_CUSTOMER, terms->customer_id);
	write_integer(out, FIELD_INSTRUMENT, terms->instrument_id);
	write_integer(out, FIELD_PROVIDER, terms->provider_id);
	write_text(out, FIELD_UNKNOWN_PROVIDER, terms->unknown_provider, terms->unknown_provider_length);
	write_integer(out, FIELD_MARKUP_BPS, terms->markup_bps);
	if (terms->markup_fixed != 0)
		write_price(out, FIELD_MARKUP_FIXED, terms->markup_fixed, terms);
	write_integer(out, FIELD_FEE_BPS, terms->fee_bps);
	write_amount_if(out, FIELD_FEE_FIXED, terms->fee_fixed, terms->quote);
	write_amount_if(out, FIELD_FEE_MINIMUM, terms->fee_minimum, terms->quote);
	write_text(out, FIELD_CLIENT_ORDER_ID, terms->client_order_id, terms->client_order_id_length);
	if (terms->encumbered)
	{
		write_key(out, FIELD_ENCUMBERED);
		appendStringInfoString(out, "true");
	}
	write_given(out, terms);
	write_integer(out, terms->bust ? FIELD_BUSTS : FIELD_CORRECTS, terms->original);
}

PG_FUNCTION_INFO_V1(execution_terms_out);

Datum
execution_terms_out(PG_FUNCTION_ARGS)
{
	ExecutionTerms terms;
	StringInfoData out;

	terms_unpack_stored(PG_GETARG_TERMS_P(0), &terms);
	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	write_terms(&out, &terms);
	appendStringInfoChar(&out, '}');
	PG_RETURN_CSTRING(out.data);
}

/* ---- input ---- */

typedef struct TermsParser
{
	const char *start;			/* the whole text, for messages */
	const char *cursor;
	uint32		seen;			/* FIELD_BITs */
	units		revenue;
	ExecutionTerms terms;
} TermsParser;

static void
reject(const TermsParser *parser, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", "execution_terms", parser->start),
			 errdetail("%s", detail)));
}

static void
reject_field(const TermsParser *parser, const char *problem, TermsField field)
{
	reject(parser, psprintf("%s \"%s\".", problem, field_names[field]));
}

static void
skip_space(TermsParser *parser)
{
	while (*parser->cursor == ' ' || *parser->cursor == '\t' ||
		   *parser->cursor == '\n' || *parser->cursor == '\r')
		parser->cursor++;
}

static bool
accept(TermsParser *parser, char wanted)
{
	skip_space(parser);
	if (*parser->cursor != wanted)
		return false;
	parser->cursor++;
	return true;
}

static void
expect(TermsParser *parser, char wanted)
{
	if (!accept(parser, wanted))
		reject(parser, psprintf("Expected \"%c\" before \"%s\".", wanted, parser->cursor));
}

/* \" and \\ and \/, and \u00XX below 0x20: what the output writes */
static char
parse_escape(TermsParser *parser)
{
	unsigned int code;
	char		escaped = *parser->cursor++;

	if (escaped == '"' || escaped == '\\' || escaped == '/')
		return escaped;
	if (escaped == 'u' && strspn(parser->cursor, "0123456789abcdefABCDEF") >= 4 &&
		sscanf(parser->cursor, "%4x", &code) == 1 && code > 0 && code < 0x80)
	{
		parser->cursor += 4;
		return (char) code;
	}
	reject(parser, "An escape must be \\\", \\\\, \\/ or \\u with an ASCII character.");
	return 0;
}

static char *
parse_string(TermsParser *parser)
{
	StringInfoData out;

	expect(parser, '"');
	initStringInfo(&out);
	while (*parser->cursor != '"')
	{
		char		c = *parser->cursor++;

		if (c == '\0')
		{
			parser->cursor--;
			reject(parser, "A string has no end.");
		}
		appendStringInfoChar(&out, c == '\\' ? parse_escape(parser) : c);
	}
	parser->cursor++;
	return out.data;
}

static int64
parse_integer(TermsParser *parser, TermsField field, int64 maximum)
{
	int64		value = 0;
	const char *start;

	skip_space(parser);
	for (start = parser->cursor; *parser->cursor >= '0' && *parser->cursor <= '9'; parser->cursor++)
	{
		int			digit = *parser->cursor - '0';

		if (value > (maximum - digit) / 10)
			reject_field(parser, "Out of range:", field);
		value = value * 10 + digit;
	}
	if (parser->cursor == start)
		reject_field(parser, "Expected an unsigned integer for", field);
	return value;
}

static units
parse_number(TermsParser *parser, TermsField field, const char *text, size_t length)
{
	units		value = 0;

	if (units_parse(text, length, &value) != UNITS_OK)
		reject_field(parser, "Not an exact decimal number:", field);
	return value;
}

/* every value of one asset must name the same one */
static void
parse_asset(TermsParser *parser, TermsField field, const char *text, size_t length, asset_code *asset)
{
	asset_code	found;

	if (!asset_pack(text, length, &found))
		reject_field(parser, "No asset in", field);
	if (*asset != 0 && *asset != found)
		reject_field(parser, "Another asset in", field);
	*asset = found;
}

static units
parse_amount(TermsParser *parser, TermsField field, asset_code *asset)
{
	char	   *text = parse_string(parser);
	char	   *space = strchr(text, ' ');

	if (space == NULL)
		reject_field(parser, "Expected a number and an asset in", field);
	parse_asset(parser, field, space + 1, strlen(space + 1), asset);
	return parse_number(parser, field, text, space - text);
}

static units
parse_price(TermsParser *parser, TermsField field)
{
	char	   *text = parse_string(parser);
	char	   *space = strchr(text, ' ');
	char	   *slash = space ? strchr(space, '/') : NULL;

	if (slash == NULL)
		reject_field(parser, "Expected a number, an asset, \"/\" and an asset in", field);
	parse_asset(parser, field, space + 1, slash - space - 1, &parser->terms.quote);
	parse_asset(parser, field, slash + 1, strlen(slash + 1), &parser->terms.base);
	return parse_number(parser, field, text, space - text);
}

static bool
parse_side(TermsParser *parser)
{
	char	   *text = parse_string(parser);

	if (strcmp(text, "BUY") != 0 && strcmp(text, "SELL") != 0)
		reject(parser, "The side must be \"BUY\" or \"SELL\".");
	return text[0] == 'S';
}

static void
parse_funding(TermsParser *parser)
{
	char	   *text = parse_string(parser);

	if (!funding_model_parse(text, strlen(text), &parser->terms.funding))
		reject(parser, psprintf("There is no funding model \"%s\".", text));
}

static bool
parse_boolean(TermsParser *parser, TermsField field)
{
	static const char *const names[2] = {"false", "true"};

	skip_space(parser);
	for (int i = 0; i < 2; i++)
		if (strncmp(parser->cursor, names[i], strlen(names[i])) == 0)
		{
			parser->cursor += strlen(names[i]);
			return i == 1;
		}
	reject_field(parser, "Expected true or false for", field);
	return false;
}

static void
parse_given(TermsParser *parser)
{
	char	   *text = parse_string(parser);
	char	   *rest = NULL;
	bool	   *given[GIVEN_COUNT] = {&parser->terms.price_given, &parser->terms.provider_price_given,
	&parser->terms.executed_at_given};

	for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
	{
		int			i = 0;

		while (i < GIVEN_COUNT && strcmp(word, given_names[i]) != 0)
			i++;
		if (i == GIVEN_COUNT)
			reject(parser, psprintf("\"%s\" is not a field that can be given.", word));
		*given[i] = true;
	}
}

static const char *
parse_text(TermsParser *parser, int *length)
{
	char	   *text = parse_string(parser);

	*length = strlen(text);
	return text;
}

static void
parse_original(TermsParser *parser, TermsField field)
{
	if (parser->terms.original != 0)
		reject(parser, "Terms have either \"corrects\" or \"busts\".");
	parser->terms.original = parse_integer(parser, field, PG_INT64_MAX);
	parser->terms.bust = field == FIELD_BUSTS;
}

/* one case per field, nothing else: a table in the shape of a switch */
static void
parse_value(TermsParser *parser, TermsField field)
{
	ExecutionTerms *terms = &parser->terms;

	switch (field)
	{
		case FIELD_SIDE:
			terms->sell = parse_side(parser);
			break;
		case FIELD_QUANTITY:
			terms->quantity = parse_amount(parser, field, &terms->base);
			break;
		case FIELD_PRICE:
			terms->price = parse_price(parser, field);
			break;
		case FIELD_PROVIDER_PRICE:
			terms->provider_price = parse_price(parser, field);
			break;
		case FIELD_NET_MONEY:
			terms->net_money = parse_amount(parser, field, &terms->quote);
			break;
		case FIELD_PROVIDER_MONEY:
			terms->provider_money = parse_amount(parser, field, &terms->quote);
			break;
		case FIELD_REVENUE:
			parser->revenue = parse_amount(parser, field, &terms->quote);
			break;
		case FIELD_REVENUE_SHARE_BPS:
			terms->revenue_share_bps = (int32) parse_integer(parser, field, PG_INT32_MAX);
			break;
		case FIELD_REVENUE_SHARE:
			terms->revenue_share = parse_amount(parser, field, &terms->quote);
			break;
		case FIELD_FEE:
			terms->fee = parse_amount(parser, field, &terms->quote);
			break;
		case FIELD_FUNDING_MODEL:
			parse_funding(parser);
			break;
		case FIELD_CUSTOMER:
			terms->customer_id = parse_integer(parser, field, PG_INT64_MAX);
			break;
		case FIELD_INSTRUMENT:
			terms->instrument_id = (int32) parse_integer(parser, field, PG_INT32_MAX);
			break;
		case FIELD_PROVIDER:
			terms->provider_id = (int32) parse_integer(parser, field, PG_INT32_MAX);
			break;
		case FIELD_UNKNOWN_PROVIDER:
			terms->unknown_provider = parse_text(parser, &terms->unknown_provider_length);
			break;
		case FIELD_MARKUP_BPS:
			terms->markup_bps = (int32) parse_integer(parser, field, PG_INT32_MAX);
			break;
		case FIELD_MARKUP_FIXED:
			terms->markup_fixed = parse_price(parser, field);
			break;
		case FIELD_FEE_BPS:
			terms->fee_bps = (int32) parse_integer(parser, field, PG_INT32_MAX);
			break;
		case FIELD_FEE_FIXED:
			terms->fee_fixed = parse_amount(parser, field, &terms->quote);
			break;
		case FIELD_FEE_MINIMUM:
			terms->fee_minimum = parse_amount(parser, field, &terms->quote);
			break;
		case FIELD_CLIENT_ORDER_ID:
			terms->client_order_id = parse_text(parser, &terms->client_order_id_length);
			break;
		case FIELD_ENCUMBERED:
			terms->encumbered = parse_boolean(parser, field);
			break;
		case FIELD_GIVEN:
			parse_given(parser);
			break;
		case FIELD_CORRECTS:
		case FIELD_BUSTS:
			parse_original(parser, field);
			break;
		case FIELD_COUNT:
			break;
	}
}

static void
parse_member(TermsParser *parser)
{
	char	   *name = parse_string(parser);
	TermsField	field = 0;

	while (field < FIELD_COUNT && strcmp(field_names[field], name) != 0)
		field++;
	if (field == FIELD_COUNT)
		reject(parser, psprintf("There is no field \"%s\".", name));
	if (parser->seen & FIELD_BIT(field))
		reject_field(parser, "Twice:", field);
	parser->seen |= FIELD_BIT(field);
	expect(parser, ':');
	parse_value(parser, field);
}

static void
parse_object(TermsParser *parser)
{
	expect(parser, '{');
	do
		parse_member(parser);
	while (accept(parser, ','));
	expect(parser, '}');
	skip_space(parser);
	if (*parser->cursor != '\0')
		reject(parser, psprintf("Unexpected \"%s\" at the end.", parser->cursor));
}

static void
check_parsed(TermsParser *parser)
{
	const char *problem;

	for (TermsField field = 0; field < FIELD_COUNT; field++)
		if (REQUIRED_FIELDS & ~parser->seen & FIELD_BIT(field))
			reject_field(parser, "Missing:", field);
	if (!(parser->seen & FIELD_BIT(FIELD_PROVIDER_PRICE)))
		parser->terms.provider_price = parser->terms.price;
	problem = terms_problem(&parser->terms);
	if (problem != NULL)
		reject(parser, psprintf("%s.", problem));
	if ((parser->seen & FIELD_BIT(FIELD_REVENUE)) && parser->revenue != terms_revenue(&parser->terms))
		reject(parser, "Revenue must be the difference of net_money and provider_money.");
}

PG_FUNCTION_INFO_V1(execution_terms_in);

Datum
execution_terms_in(PG_FUNCTION_ARGS)
{
	TermsParser parser = {.start = PG_GETARG_CSTRING(0)};

	parser.cursor = parser.start;
	parse_object(&parser);
	check_parsed(&parser);
	PG_RETURN_POINTER(terms_pack(&parser.terms));
}

/* ---- binary ---- */

PG_FUNCTION_INFO_V1(execution_terms_send);

Datum
execution_terms_send(PG_FUNCTION_ARGS)
{
	PackedTerms *packed = PG_GETARG_TERMS_P(0);
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbytes(&out, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

PG_FUNCTION_INFO_V1(execution_terms_recv);

/* nothing but the canonical image is let in: equality is comparing bytes */
Datum
execution_terms_recv(PG_FUNCTION_ARGS)
{
	StringInfo	in = (StringInfo) PG_GETARG_POINTER(0);
	int			size = in->len - in->cursor;
	PackedTerms *received = palloc(VARHDRSZ + size);
	ExecutionTerms terms;
	PackedTerms *packed = NULL;

	SET_VARSIZE(received, VARHDRSZ + size);
	pq_copymsgbytes(in, VARDATA(received), size);
	if (terms_unpack(received, &terms))
		packed = terms_pack(&terms);
	if (packed == NULL || VARSIZE(packed) != VARSIZE(received) ||
		memcmp(packed, received, VARSIZE(packed)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "execution_terms")));
	if (terms.client_order_id)
		pg_verifymbstr(terms.client_order_id, terms.client_order_id_length, false);
	if (terms.unknown_provider)
		pg_verifymbstr(terms.unknown_provider, terms.unknown_provider_length, false);
	PG_RETURN_POINTER(packed);
}
