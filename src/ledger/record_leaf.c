/*-------------------------------------------------------------------------
 *
 * record_leaf.c
 *	  The leaf of a record that is no journal: a refusal, an event, a request.
 *
 * All its columns in their order, then the name of who recorded it, each in
 * canonical form; the kind comes first, so that no record can stand for one of
 * another kind.  It has no lines to locate: in the place of the locator its
 * kind stands, so that the evidence of a block tells what a missing record was.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "ledger/block_hash.h"
#include "ledger/canonical.h"

/* Anything else that a record holds has a text that depends on no setting. */
static void
put_as_text(StringInfo buffer, Oid type, Datum value)
{
	Oid			function;
	bool		is_varlena;

	getTypeOutputInfo(type, &function, &is_varlena);
	canonical_text(buffer, cstring_to_text(OidOutputFunctionCall(function, value)));
}

static void
put_value(StringInfo buffer, Oid type, Datum value)
{
	Jsonb	   *document;

	switch (type)
	{
		case INT2OID:
			canonical_int(buffer, DatumGetInt16(value));
			break;
		case INT4OID:
			canonical_int(buffer, DatumGetInt32(value));
			break;
		case INT8OID:
		case TIMESTAMPTZOID:
			canonical_int(buffer, DatumGetInt64(value));
			break;
		case TEXTOID:
			canonical_text(buffer, DatumGetTextPP(value));
			break;
		case JSONBOID:
			document = DatumGetJsonbP(value);
			canonical_text(buffer, cstring_to_text(JsonbToCString(NULL, &document->root, VARSIZE(document))));
			break;
		default:
			if (get_typlen(type) == -1)
				canonical_varlena(buffer, value);
			else
				put_as_text(buffer, type, value);
	}
}

static const char *const record_kinds[] = {"refusal", "event", "request"};

/* FF FF, which is no sum of a journal's locator, and the kind's place from 1 */
static void
write_kind(const text *kind, uint8 *bytes)
{
	bytes[0] = bytes[1] = 0xFF;
	bytes[2] = 0;
	for (int i = 0; i < lengthof(record_kinds); i++)
		if (VARSIZE_ANY_EXHDR(kind) == strlen(record_kinds[i]) &&
			memcmp(VARDATA_ANY(kind), record_kinds[i], VARSIZE_ANY_EXHDR(kind)) == 0)
		{
			bytes[3] = i + 1;
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no kind of record \"%s\"", text_to_cstring(kind)),
			 errhint("A journal has a leaf of its own: journal_leaf().")));
}

/* record_kind(evidence): what kind of record a piece of evidence, or a leaf, is of */
PG_FUNCTION_INFO_V1(record_kind);
Datum
record_kind(PG_FUNCTION_ARGS)
{
	bytea	   *evidence = PG_GETARG_BYTEA_PP(0);
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(evidence) + VARSIZE_ANY_EXHDR(evidence) - LOCATOR_SIZE;

	if (VARSIZE_ANY_EXHDR(evidence) < LOCATOR_SIZE)
		PG_RETURN_NULL();
	if (bytes[0] != 0xFF || bytes[1] != 0xFF)
		PG_RETURN_TEXT_P(cstring_to_text("journal"));
	if (bytes[3] < 1 || bytes[3] > lengthof(record_kinds))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(record_kinds[bytes[3] - 1]));
}

static void
put_columns(StringInfo buffer, HeapTupleHeader record)
{
	TupleDesc	descriptor = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(record), HeapTupleHeaderGetTypMod(record));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(record),.t_data = record};

	ItemPointerSetInvalid(&tuple.t_self);
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
		bool		isnull;
		Datum		value;

		if (attribute->attisdropped)
			continue;
		value = heap_getattr(&tuple, i + 1, descriptor, &isnull);
		if (isnull)
			canonical_null(buffer);
		else
			put_value(buffer, attribute->atttypid, value);
	}
	ReleaseTupleDesc(descriptor);
}

/* record_leaf(kind text, record, actor text): NULL without a kind or a record */
PG_FUNCTION_INFO_V1(record_leaf);
Datum
record_leaf(PG_FUNCTION_ARGS)
{
	bytea	   *leaf = palloc(VARHDRSZ + LEAF_SIZE);
	uint8	   *bytes = (uint8 *) VARDATA(leaf);
	StringInfoData buffer;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	initStringInfo(&buffer);
	pq_sendint8(&buffer, LEAF_FORMAT);
	canonical_text(&buffer, PG_GETARG_TEXT_PP(0));
	put_columns(&buffer, PG_GETARG_HEAPTUPLEHEADER(1));
	if (PG_ARGISNULL(2))
		canonical_null(&buffer);
	else
		canonical_text(&buffer, PG_GETARG_TEXT_PP(2));
	sha256_of(HASH_PREFIX_LEAF, buffer.data, buffer.len, NULL, 0, bytes);
	write_kind(PG_GETARG_TEXT_PP(0), bytes + HASH_SIZE);
	SET_VARSIZE(leaf, VARHDRSZ + LEAF_SIZE);
	PG_RETURN_BYTEA_P(leaf);
}
