/*-------------------------------------------------------------------------
 *
 * execution_terms.c
 *	  Packing and unpacking of execution terms.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "errors.h"
#include "arithmetic/rounding.h"
#include "arithmetic/varint.h"
#include "types/execution_terms.h"

#define TERMS_FORMAT 1
#define TERMS_HEADER_SIZE 5
#define VARINT_SIZE 19
/* header, up to twenty varints, an unknown provider's code, the order's id */
#define TERMS_BUFFER_SIZE (TERMS_HEADER_SIZE + 20 * VARINT_SIZE + UNKNOWN_PROVIDER_LENGTH + CLIENT_ORDER_ID_LENGTH)

/* flags byte */
#define FLAG_SELL				0x01
#define FLAG_BUST				0x02
#define FLAG_FUNDING_SHIFT		2	/* two bits */
#define FLAG_PRICE_GIVEN		0x10
#define FLAG_PROVIDER_PRICE_GIVEN		0x20
#define FLAG_EXECUTED_AT_GIVEN	0x40
#define FLAG_ORDER_ID			0x80

/* parts byte: which of the optional values follow */
#define PART_PROVIDER_PRICE			0x01
#define PART_REVENUE_SHARE		0x02	/* bps and amount together */
#define PART_FEE				0x04
#define PART_MARKUP_BPS			0x08
#define PART_MARKUP_FIXED		0x10
#define PART_FEE_RULE			0x20	/* bps, fixed and minimum together */
#define PART_ORIGINAL			0x40
#define PART_UNKNOWN_PROVIDER			0x80

/* decimals: three fields of five bits, and one bit more */
#define DECIMALS_BITS 5
#define DECIMALS_MASK 31
#define ENCUMBERED_SHIFT (3 * DECIMALS_BITS)

/* 40^(10-n): an asset code of n characters is a multiple of it (types/asset.h) */
static const uint64 asset_divisor[ASSET_CODE_LENGTH + 1] = {
	UINT64CONST(10485760000000000), UINT64CONST(262144000000000), UINT64CONST(6553600000000),
	UINT64CONST(163840000000), UINT64CONST(4096000000), UINT64CONST(102400000),
	UINT64CONST(2560000), UINT64CONST(64000), UINT64CONST(1600), UINT64CONST(40), UINT64CONST(1)
};

static const char *const funding_names[FUNDING_MODEL_COUNT] = {
	"BAKKT_TPJ", "NET_SETTLEMENT", "APEX_TPJ", "NO_SETTLEMENT"
};

const char *
funding_model_name(FundingModel funding)
{
	return funding_names[funding];
}

bool
funding_model_parse(const char *text, size_t length, FundingModel *funding)
{
	for (int i = 0; i < FUNDING_MODEL_COUNT; i++)
		if (strlen(funding_names[i]) == length && memcmp(funding_names[i], text, length) == 0)
		{
			*funding = (FundingModel) i;
			return true;
		}
	return false;
}

static inline bool
positive(units value)
{
	return value > 0 && value <= UNITS_MAX;
}

static inline bool
not_negative(units value)
{
	return value >= 0 && value <= UNITS_MAX;
}

const char *
terms_problem(const ExecutionTerms *terms)
{
	if (!asset_is_valid(terms->base) || !asset_is_valid(terms->quote) || terms->base == terms->quote)
		return "Base and quote must be two assets";
	if (!positive(terms->quantity) || !positive(terms->price) || !positive(terms->provider_price))
		return "Quantity and prices must be positive";
	if (!not_negative(terms->net_money) || !not_negative(terms->provider_money))
		return "Net money and provider's money must not be negative";
	if (!not_negative(terms->revenue_share) || !not_negative(terms->fee) ||
		!not_negative(terms->markup_fixed) || !not_negative(terms->fee_fixed) ||
		!not_negative(terms->fee_minimum) || terms->markup_bps < 0 || terms->fee_bps < 0 || terms->revenue_share_bps < 0)
		return "Fee, markup and revenue share must not be negative";
	if (terms->revenue_share_bps > BPS_ONE || (terms->revenue_share_bps == 0 && terms->revenue_share != 0))
		return "A revenue share needs its basis points, at most all of the revenue";
	if (terms->customer_id <= 0 || terms->instrument_id < 0 || terms->provider_id < 0 || terms->original < 0)
		return "Customer, instrument, provider and journal numbers must be positive";
	if ((terms->provider_id == 0) != (terms->unknown_provider != NULL) ||
		(terms->unknown_provider != NULL &&
		 (terms->unknown_provider_length < 1 || terms->unknown_provider_length > UNKNOWN_PROVIDER_LENGTH)))
		return "The provider must be a number, or an unknown code of 1 to 64 bytes";
	if (terms->bust && terms->original == 0)
		return "A bust must name the journal it busts";
	if (terms->client_order_id != NULL &&
		(terms->client_order_id_length < 1 || terms->client_order_id_length > CLIENT_ORDER_ID_LENGTH))
		return "The order's id must have 1 to 64 bytes";
	return NULL;
}

units
terms_exact_share(const ExecutionTerms *terms)
{
	units		revenue = terms_revenue(terms);

	if (revenue <= 0)
		return 0;
	if (revenue > UNITS_MAX / BPS_ONE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("revenue of an execution out of range")));
	return (terms->bust ? -revenue : revenue) * terms->revenue_share_bps;
}

/*
 * The least decimals that hold a value.  Most values have at most eight, and
 * fit 64 bits then, where dividing by ten is cheap.
 */
static int
decimals_needed(units value)
{
	const int64 tail = INT64CONST(10000000000);
	unsigned_units magnitude = value < 0 ? -(unsigned_units) value : (unsigned_units) value;
	unsigned_units head = magnitude / tail;
	int			decimals = 8;

	if (head > PG_UINT64_MAX || head * tail != magnitude)
	{
		for (decimals = 0; !units_fits_decimals(value, decimals);)
			decimals++;
		return decimals;
	}
	for (uint64 rest = (uint64) head; decimals > 0 && rest % 10 == 0; rest /= 10)
		decimals--;
	return decimals;
}

static inline int
more_decimals(int decimals, units value)
{
	return value == 0 ? decimals : Max(decimals, decimals_needed(value));
}

static int
money_decimals(const ExecutionTerms *terms)
{
	int			decimals = more_decimals(0, terms->net_money);

	decimals = more_decimals(decimals, terms->provider_money);
	decimals = more_decimals(decimals, terms->revenue_share);
	decimals = more_decimals(decimals, terms->fee);
	decimals = more_decimals(decimals, terms->fee_fixed);
	return more_decimals(decimals, terms->fee_minimum);
}

static int
price_decimals(const ExecutionTerms *terms)
{
	int			decimals = more_decimals(0, terms->price);

	decimals = more_decimals(decimals, terms->provider_price);
	return more_decimals(decimals, terms->markup_fixed);
}

/* one to nineteen bytes; most values take the 64-bit road */
static inline uint8 *
put(uint8 *cursor, unsigned_units value)
{
	uint64		rest = (uint64) value;

	if (value > PG_UINT64_MAX)
		return cursor + varint_encode(value, cursor);
	while (rest >= 0x80)
	{
		*cursor++ = (uint8) (rest | 0x80);
		rest >>= 7;
	}
	*cursor++ = (uint8) rest;
	return cursor;
}

static inline uint8 *
put_scaled(uint8 *cursor, units value, int decimals)
{
	return put(cursor, zigzag_encode(value / power_of_ten(UNITS_DECIMALS - decimals)));
}

/* values that are never negative need no sign bit */
static inline uint8 *
put_unsigned(uint8 *cursor, units value, int decimals)
{
	return put(cursor, (unsigned_units) (value / power_of_ten(UNITS_DECIMALS - decimals)));
}

/* an asset in as few bytes as its code has characters */
static uint8 *
put_asset(uint8 *cursor, asset_code asset)
{
	int			length = 1;

	while (asset % asset_divisor[length] != 0)
		length++;
	return put(cursor, (unsigned_units) (asset / asset_divisor[length]) * ASSET_CODE_LENGTH + (length - 1));
}

static uint8
terms_flags(const ExecutionTerms *terms)
{
	return (terms->sell ? FLAG_SELL : 0) | (terms->bust ? FLAG_BUST : 0) |
		(terms->funding << FLAG_FUNDING_SHIFT) |
		(terms->price_given ? FLAG_PRICE_GIVEN : 0) |
		(terms->provider_price_given ? FLAG_PROVIDER_PRICE_GIVEN : 0) |
		(terms->executed_at_given ? FLAG_EXECUTED_AT_GIVEN : 0) |
		(terms->client_order_id ? FLAG_ORDER_ID : 0);
}

static uint8
terms_parts(const ExecutionTerms *terms)
{
	return (terms->provider_price != terms->price ? PART_PROVIDER_PRICE : 0) |
		(terms->revenue_share != 0 || terms->revenue_share_bps != 0 ? PART_REVENUE_SHARE : 0) |
		(terms->fee != 0 ? PART_FEE : 0) |
		(terms->markup_bps != 0 ? PART_MARKUP_BPS : 0) |
		(terms->markup_fixed != 0 ? PART_MARKUP_FIXED : 0) |
		(terms->fee_bps != 0 || terms->fee_fixed != 0 || terms->fee_minimum != 0 ? PART_FEE_RULE : 0) |
		(terms->original != 0 ? PART_ORIGINAL : 0) |
		(terms->unknown_provider ? PART_UNKNOWN_PROVIDER : 0);
}

/* the values every execution has, in the order of the format */
static uint8 *
put_core(uint8 *cursor, const ExecutionTerms *terms, int money, int quantity, int price)
{
	cursor = put_asset(cursor, terms->quote);
	cursor = put_unsigned(cursor, terms->net_money, money);
	cursor = put_scaled(cursor, terms_revenue(terms), money);
	cursor = put_asset(cursor, terms->base);
	cursor = put_unsigned(cursor, terms->quantity, quantity);
	cursor = put_unsigned(cursor, terms->price, price);
	cursor = put(cursor, terms->customer_id);
	cursor = put(cursor, terms->instrument_id);
	return put(cursor, terms->provider_id);
}

static uint8 *
put_text(uint8 *cursor, const char *text, int length)
{
	memcpy(cursor, text, length);
	return cursor + length;
}

static uint8 *
put_parts(uint8 *cursor, const ExecutionTerms *terms, uint8 parts, int money, int price)
{
	if (parts & PART_PROVIDER_PRICE)
		cursor = put_scaled(cursor, terms->provider_price - terms->price, price);
	if (parts & PART_REVENUE_SHARE)
	{
		cursor = put(cursor, terms->revenue_share_bps);
		cursor = put_unsigned(cursor, terms->revenue_share, money);
	}
	if (parts & PART_FEE)
		cursor = put_unsigned(cursor, terms->fee, money);
	if (parts & PART_MARKUP_BPS)
		cursor = put(cursor, terms->markup_bps);
	if (parts & PART_MARKUP_FIXED)
		cursor = put_unsigned(cursor, terms->markup_fixed, price);
	if (parts & PART_FEE_RULE)
	{
		cursor = put(cursor, terms->fee_bps);
		cursor = put_unsigned(cursor, terms->fee_fixed, money);
		cursor = put_unsigned(cursor, terms->fee_minimum, money);
	}
	if (parts & PART_ORIGINAL)
		cursor = put(cursor, terms->original);
	if (parts & PART_UNKNOWN_PROVIDER)
	{
		cursor = put(cursor, terms->unknown_provider_length);
		cursor = put_text(cursor, terms->unknown_provider, terms->unknown_provider_length);
	}
	return cursor;
}

static PackedTerms *
make_varlena(const uint8 *bytes, Size size)
{
	PackedTerms *packed = palloc(VARHDRSZ + size);

	SET_VARSIZE(packed, VARHDRSZ + size);
	memcpy(VARDATA(packed), bytes, size);
	return packed;
}

PackedTerms *
terms_pack(const ExecutionTerms *terms)
{
	uint8		buffer[TERMS_BUFFER_SIZE];
	uint8	   *cursor = buffer + TERMS_HEADER_SIZE;
	int			money = money_decimals(terms);
	int			quantity = decimals_needed(terms->quantity);
	int			price = price_decimals(terms);
	int			decimals = money | quantity << DECIMALS_BITS | price << (2 * DECIMALS_BITS) |
		terms->encumbered << ENCUMBERED_SHIFT;

	buffer[0] = TERMS_FORMAT;
	buffer[1] = terms_flags(terms);
	buffer[2] = terms_parts(terms);
	buffer[3] = (uint8) decimals;
	buffer[4] = (uint8) (decimals >> 8);
	cursor = put_core(cursor, terms, money, quantity, price);
	cursor = put_parts(cursor, terms, buffer[2], money, price);
	if (terms->client_order_id)
		cursor = put_text(cursor, terms->client_order_id, terms->client_order_id_length);
	return make_varlena(buffer, cursor - buffer);
}

/* reading: the cursor turns NULL at the first malformed value and stays so */
typedef struct Reader
{
	const uint8 *cursor;
	const uint8 *end;
} Reader;

static inline unsigned_units
get(Reader *reader)
{
	const uint8 *cursor = reader->cursor;
	unsigned_units value = 0;

	if (cursor == NULL)
		return 0;
	if (likely(cursor < reader->end && *cursor < 0x80))
	{
		reader->cursor = cursor + 1;
		return *cursor;
	}
	if (likely(reader->end - cursor >= 9))
	{
		uint64		head = 0;

		for (int shift = 0; shift < 63; shift += 7)
		{
			uint8		byte = *cursor++;

			head |= (uint64) (byte & 0x7f) << shift;
			if (byte < 0x80)
			{
				reader->cursor = cursor;
				return head;
			}
		}
	}
	reader->cursor = varint_decode(reader->cursor, reader->end, &value);
	return value;
}

static inline void
malformed(Reader *reader)
{
	reader->cursor = NULL;
}

static units
scale_up(Reader *reader, units value, int decimals)
{
	int64		factor = power_of_ten(UNITS_DECIMALS - decimals);

	if (likely(value <= PG_INT32_MAX && value >= PG_INT32_MIN))
		return value * factor;
	if (value > UNITS_MAX / factor || value < -(UNITS_MAX / factor))
	{
		malformed(reader);
		return 0;
	}
	return value * factor;
}

static inline units
get_unsigned(Reader *reader, int decimals)
{
	unsigned_units value = get(reader);

	if (value > (unsigned_units) UNITS_MAX)
	{
		malformed(reader);
		return 0;
	}
	return scale_up(reader, (units) value, decimals);
}

static inline units
get_scaled(Reader *reader, int decimals)
{
	return scale_up(reader, zigzag_decode(get(reader)), decimals);
}

static inline int64
get_integer(Reader *reader, int64 maximum)
{
	unsigned_units value = get(reader);

	if (value > (unsigned_units) maximum)
	{
		malformed(reader);
		return 0;
	}
	return (int64) value;
}

static inline asset_code
get_asset(Reader *reader)
{
	uint64		value = (uint64) get_integer(reader, PG_INT64_MAX);

	return value / ASSET_CODE_LENGTH * asset_divisor[value % ASSET_CODE_LENGTH + 1];
}

typedef struct TermsDecimals
{
	int			money;
	int			quantity;
	int			price;
} TermsDecimals;

static bool
read_header(const uint8 *bytes, Size size, TermsDecimals *decimals)
{
	int			packed;

	if (size < TERMS_HEADER_SIZE || bytes[0] != TERMS_FORMAT)
		return false;
	packed = bytes[3] | bytes[4] << 8;
	decimals->money = packed & DECIMALS_MASK;
	decimals->quantity = packed >> DECIMALS_BITS & DECIMALS_MASK;
	decimals->price = packed >> (2 * DECIMALS_BITS) & DECIMALS_MASK;
	return decimals->money <= UNITS_DECIMALS &&
		decimals->quantity <= UNITS_DECIMALS && decimals->price <= UNITS_DECIMALS;
}

static void
read_flags(uint8 flags, ExecutionTerms *terms)
{
	terms->sell = (flags & FLAG_SELL) != 0;
	terms->bust = (flags & FLAG_BUST) != 0;
	terms->price_given = (flags & FLAG_PRICE_GIVEN) != 0;
	terms->provider_price_given = (flags & FLAG_PROVIDER_PRICE_GIVEN) != 0;
	terms->executed_at_given = (flags & FLAG_EXECUTED_AT_GIVEN) != 0;
	terms->funding = (FundingModel) (flags >> FLAG_FUNDING_SHIFT & 3);
}

static void
read_core(Reader *reader, const TermsDecimals *decimals, ExecutionTerms *terms)
{
	units		revenue;

	terms->quote = get_asset(reader);
	terms->net_money = get_unsigned(reader, decimals->money);
	revenue = get_scaled(reader, decimals->money);
	terms->provider_money = terms->sell ? terms->net_money + revenue : terms->net_money - revenue;
	terms->base = get_asset(reader);
	terms->quantity = get_unsigned(reader, decimals->quantity);
	terms->price = get_unsigned(reader, decimals->price);
	terms->customer_id = get_integer(reader, PG_INT64_MAX);
	terms->instrument_id = (int32) get_integer(reader, PG_INT32_MAX);
	terms->provider_id = (int32) get_integer(reader, PG_INT32_MAX);
	terms->provider_price = terms->price;
}

static void
read_unknown_provider(Reader *reader, ExecutionTerms *terms)
{
	terms->unknown_provider_length = (int) get_integer(reader, UNKNOWN_PROVIDER_LENGTH);
	if (reader->cursor == NULL || reader->end - reader->cursor < terms->unknown_provider_length)
	{
		malformed(reader);
		return;
	}
	terms->unknown_provider = (const char *) reader->cursor;
	reader->cursor += terms->unknown_provider_length;
}

static void
read_parts(Reader *reader, uint8 parts, const TermsDecimals *decimals, ExecutionTerms *terms)
{
	if (parts & PART_PROVIDER_PRICE)
		terms->provider_price += get_scaled(reader, decimals->price);
	if (parts & PART_REVENUE_SHARE)
	{
		terms->revenue_share_bps = (int32) get_integer(reader, BPS_ONE);
		terms->revenue_share = get_unsigned(reader, decimals->money);
	}
	if (parts & PART_FEE)
		terms->fee = get_unsigned(reader, decimals->money);
	if (parts & PART_MARKUP_BPS)
		terms->markup_bps = (int32) get_integer(reader, PG_INT32_MAX);
	if (parts & PART_MARKUP_FIXED)
		terms->markup_fixed = get_unsigned(reader, decimals->price);
	if (parts & PART_FEE_RULE)
	{
		terms->fee_bps = (int32) get_integer(reader, PG_INT32_MAX);
		terms->fee_fixed = get_unsigned(reader, decimals->money);
		terms->fee_minimum = get_unsigned(reader, decimals->money);
	}
	if (parts & PART_ORIGINAL)
		terms->original = get_integer(reader, PG_INT64_MAX);
	if (parts & PART_UNKNOWN_PROVIDER)
		read_unknown_provider(reader, terms);
}

/* the order's id is what is left, so that it needs no length */
static void
read_order_id(Reader *reader, uint8 flags, ExecutionTerms *terms)
{
	if (reader->cursor == NULL)
		return;
	terms->client_order_id_length = reader->end - reader->cursor;
	if (flags & FLAG_ORDER_ID)
		terms->client_order_id = (const char *) reader->cursor;
	else if (terms->client_order_id_length != 0)
		malformed(reader);
}

bool
terms_unpack(const PackedTerms *packed, ExecutionTerms *terms)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(packed);
	Size		size = VARSIZE_ANY_EXHDR(packed);
	Reader		reader = {bytes + TERMS_HEADER_SIZE, bytes + size};
	TermsDecimals decimals;

	if (!read_header(bytes, size, &decimals))
		return false;
	memset(terms, 0, sizeof(*terms));
	read_flags(bytes[1], terms);
	terms->encumbered = bytes[4] >> (ENCUMBERED_SHIFT - 8) != 0;
	read_core(&reader, &decimals, terms);
	read_parts(&reader, bytes[2], &decimals, terms);
	read_order_id(&reader, bytes[1], terms);
	return reader.cursor != NULL && terms_problem(terms) == NULL;
}

static void
corrupted(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("execution terms are malformed")));
}

void
terms_unpack_stored(const PackedTerms *packed, ExecutionTerms *terms)
{
	if (!terms_unpack(packed, terms))
		corrupted();
}

/* for the figures of a window: neither the parts nor the order's id are read, and stored values are not judged again */
void
terms_core(const PackedTerms *packed, ExecutionTerms *terms)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(packed);
	Size		size = VARSIZE_ANY_EXHDR(packed);
	Reader		reader = {bytes + TERMS_HEADER_SIZE, bytes + size};
	TermsDecimals decimals;

	if (unlikely(!read_header(bytes, size, &decimals)))
		corrupted();
	read_flags(bytes[1], terms);
	read_core(&reader, &decimals, terms);
	if (unlikely(reader.cursor == NULL))
		corrupted();
}

FundingModel
terms_funding(const PackedTerms *packed)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(packed);

	if (unlikely(VARSIZE_ANY_EXHDR(packed) < TERMS_HEADER_SIZE || bytes[0] != TERMS_FORMAT))
		corrupted();
	return (FundingModel) (bytes[1] >> FLAG_FUNDING_SHIFT & 3);
}

/* no more than the first bytes are read: this runs once for every row of a window */
void
terms_head(const PackedTerms *packed, TermsHead *head)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(packed);
	Size		size = VARSIZE_ANY_EXHDR(packed);
	Reader		reader = {bytes + TERMS_HEADER_SIZE, bytes + size};
	int			decimals;

	if (unlikely(size < TERMS_HEADER_SIZE || bytes[0] != TERMS_FORMAT ||
				 (bytes[3] & DECIMALS_MASK) > UNITS_DECIMALS))
		corrupted();
	decimals = bytes[3] & DECIMALS_MASK;
	head->quote = get_asset(&reader);
	head->net_money = get_unsigned(&reader, decimals);
	if (unlikely(reader.cursor == NULL))
		corrupted();
	/* BUY owes; SELL and a busted BUY are owed */
	if (((bytes[1] & FLAG_SELL) != 0) != ((bytes[1] & FLAG_BUST) != 0))
		head->net_money = -head->net_money;
}
