/*-------------------------------------------------------------------------
 *
 * canonical.c
 *	  The canonical form of values that are hashed.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"

#include "compat.h"
#include "ledger/canonical.h"

/* A length that nothing else has. */
void
canonical_null(StringInfo buffer)
{
	pq_sendint32(buffer, PG_UINT32_MAX);
}

void
canonical_bytes(StringInfo buffer, const void *bytes, Size size)
{
	pq_sendint32(buffer, (uint32) size);
	pq_sendbytes(buffer, bytes, size);
}

void
canonical_int(StringInfo buffer, int64 value)
{
	pq_sendint32(buffer, sizeof(int64));
	pq_sendint64(buffer, (uint64) value);
}

void
canonical_text(StringInfo buffer, const text *value)
{
	char	   *utf8 = pg_server_to_any(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), PG_UTF8);

	canonical_bytes(buffer, utf8, utf8 == VARDATA_ANY(value) ? VARSIZE_ANY_EXHDR(value) : strlen(utf8));
}

void
canonical_varlena(StringInfo buffer, Datum value)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

	canonical_bytes(buffer, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
}
