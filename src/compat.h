/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL 15 and 18.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_COMPAT_H
#define BAKKT_LEDGER_COMPAT_H

#include "postgres.h"

#include "nodes/nodes.h"

#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#include "varatt.h"
#else

/* Before 16 there are no soft errors: report at once. */
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)

#define errsave(context, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
	} while (0)

#define SOFT_ERROR_OCCURRED(context) ((void) (context), false)

#endif

/* 18 names it so; before, it was an attribute behind the declaration */
#ifndef pg_noreturn
#define pg_noreturn _Noreturn
#endif

#endif							/* BAKKT_LEDGER_COMPAT_H */
