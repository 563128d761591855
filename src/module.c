/*-------------------------------------------------------------------------
 *
 * module.c
 *	  Loading of the library: the magic block and the settings.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "fmgr.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "bakkt_ledger", .version = BAKKT_LEDGER_VERSION);
#else
PG_MODULE_MAGIC;
#endif
