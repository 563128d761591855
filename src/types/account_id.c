/*-------------------------------------------------------------------------
 *
 * account_id.c
 *	  The identifier of a ledger account: input, output, its fund and number.
 *
 * Order, hash and sorting are those of int8: see sql/types/account_id.sql.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "types/account_id.h"
#include "types/journal_entry_scan.h"

const char *
fund_name(Fund fund)
{
	return fund_text(fund);
}

bool
fund_parse(const char *text, size_t length, Fund *fund)
{
	int			number = fund_scan(text, length);

	*fund = (Fund) number;
	return number != 0;
}

bool
account_id_is_valid(account_id account)
{
	int			fund = (int) account_fund(account);

	return fund >= FUND_FBO && fund <= FUND_CORP &&
		account_number(account) >= 1 && account_number(account) <= ACCOUNT_NUMBER_MAX;
}

char *
account_text(account_id account)
{
	return psprintf("%s:" INT64_FORMAT, fund_name(account_fund(account)), account_number(account));
}

/* Blanks around an identifier are harmless in a literal; inside they are not. */
static const char *
trim(const char *text, size_t *length)
{
	while (*text == ' ')
		text++;
	*length = strlen(text);
	while (*length > 0 && text[*length - 1] == ' ')
		(*length)--;
	return text;
}

PG_FUNCTION_INFO_V1(account_id_in);
Datum
account_id_in(PG_FUNCTION_ARGS)
{
	const char *literal = PG_GETARG_CSTRING(0);
	size_t		length;
	const char *text = trim(literal, &length);
	int64_t		account;

	if (!account_scan(text, length, &account))
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "account_id", literal),
				 errdetail("An account is a fund (FBO, CUST, SEG or CORP), a colon and a positive number without leading zeros.")));
	PG_RETURN_ACCOUNT_ID(account);
}

PG_FUNCTION_INFO_V1(account_id_out);
Datum
account_id_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(account_text(PG_GETARG_ACCOUNT_ID(0)));
}

/* Raise unless the 64 bits are those of an account. */
static account_id
checked(account_id account, int sqlstate)
{
	if (!account_id_is_valid(account))
		ereport(ERROR,
				(errcode(sqlstate),
				 errmsg(INT64_FORMAT " is not an account identifier", account),
				 errdetail("The lowest three bits must be a fund, 1 to 4, and the rest a number from 1 to " INT64_FORMAT ".",
						   ACCOUNT_NUMBER_MAX)));
	return account;
}

PG_FUNCTION_INFO_V1(account_id_recv);
Datum
account_id_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);

	PG_RETURN_ACCOUNT_ID(checked(pq_getmsgint64(message), ERRCODE_INVALID_BINARY_REPRESENTATION));
}

PG_FUNCTION_INFO_V1(account_id_from_bigint);
Datum
account_id_from_bigint(PG_FUNCTION_ARGS)
{
	PG_RETURN_ACCOUNT_ID(checked(PG_GETARG_INT64(0), ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE));
}

/* account_id('FBO', 1042): for those who have the parts */
PG_FUNCTION_INFO_V1(account_id_from_parts);
Datum
account_id_from_parts(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	int64		number = PG_GETARG_INT64(1);
	Fund		fund;

	if (!fund_parse(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &fund))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown fund \"%s\"", text_to_cstring(name)),
				 errhint("The funds are FBO, CUST, SEG and CORP.")));
	if (number < 1 || number > ACCOUNT_NUMBER_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("account number " INT64_FORMAT " out of range", number),
				 errdetail("Account numbers run from 1 to " INT64_FORMAT ".", ACCOUNT_NUMBER_MAX)));
	PG_RETURN_ACCOUNT_ID(account_make(fund, number));
}

PG_FUNCTION_INFO_V1(account_id_fund);
Datum
account_id_fund(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(fund_name(account_fund(PG_GETARG_ACCOUNT_ID(0)))));
}

PG_FUNCTION_INFO_V1(account_id_number);
Datum
account_id_number(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(account_number(PG_GETARG_ACCOUNT_ID(0)));
}
