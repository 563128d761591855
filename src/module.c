/*-------------------------------------------------------------------------
 *
 * module.c
 *	  Loading of the library: the magic block and the settings.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "ledger/refuse_write.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "bakkt_ledger",.version = BAKKT_LEDGER_VERSION);
#else
PG_MODULE_MAGIC;
#endif

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomBoolVariable("bakkt_ledger.restoring",
							 "Lets a dump be restored into the append-only tables.",
							 "Run verify() afterwards.",
							 &ledger_restoring, false, PGC_SUSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("bakkt_ledger");
}
