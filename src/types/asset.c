/*-------------------------------------------------------------------------
 *
 * asset.c
 *	  The type asset: input, output, casts.
 *
 * A code is a non-negative 64-bit integer whose order is the order of the
 * texts, so comparison, sorting and hashing are core's functions for bigint
 * (sql/types/asset.sql).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "compat.h"
#include "types/asset.h"
#include "types/value_error.h"

char *
asset_text(asset_code code)
{
	char	   *text = palloc(ASSET_TEXT_SIZE);

	asset_unpack(code, text);
	return text;
}

asset_code
asset_receive(StringInfo message)
{
	asset_code	code = (asset_code) pq_getmsgint64(message);

	if (!asset_is_valid(code))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid asset code in binary input")));
	return code;
}

/* asset_in - 'USD', blanks around it allowed */
PG_FUNCTION_INFO_V1(asset_in);
Datum
asset_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	asset_code	code;

	if (!asset_parse(text, strlen(text), &code))
		return input_error(UNITS_BAD_ASSET, "asset", text, fcinfo->context);
	PG_RETURN_ASSET(code);
}

/* asset_out - the code as text */
PG_FUNCTION_INFO_V1(asset_out);
Datum
asset_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(asset_text(PG_GETARG_ASSET(0)));
}

/* asset_recv - binary input, refusing what text could not produce */
PG_FUNCTION_INFO_V1(asset_recv);
Datum
asset_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_ASSET(asset_receive((StringInfo) PG_GETARG_POINTER(0)));
}

/* asset_send - the packed code, eight bytes */
PG_FUNCTION_INFO_V1(asset_send);
Datum
asset_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint64(&message, PG_GETARG_ASSET(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
