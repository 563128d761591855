/*-------------------------------------------------------------------------
 *
 * module.c
 *	  Loading of the library: the magic block and the settings.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "ledger/bounded_wait.h"
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
	DefineCustomIntVariable("bakkt_ledger.lock_wait",
							"How long functions about one client wait for a lock.",
							"A smaller lock_timeout comes first. Posting waits for its own customers' balances without it.",
							&ledger_lock_wait, 1000, 1, 3600000, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	MarkGUCPrefixReserved("bakkt_ledger");
}
