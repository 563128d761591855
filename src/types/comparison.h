/*-------------------------------------------------------------------------
 *
 * comparison.h
 *	  The functions behind a type's comparison operators.
 *
 * A type has two orders, functions of (fcinfo) that return less than, equal
 * to or more than zero.  The strict one (<, = ...) refuses values that do not
 * compare: nobody may ask whether 1 BTC is less than 5 USD.  The total one
 * (*<, *= ...) puts any two values in order: sorting, grouping and indexes use
 * it.  Both end in one function of the type, so they can't disagree.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_COMPARISON_H
#define BAKKT_LEDGER_COMPARISON_H

#include "fmgr.h"

/* COMPARISON(amount_lt, strict_order, <): the SQL function amount_lt */
#define COMPARISON(name, order, operator) \
	PG_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_BOOL(order(fcinfo) operator 0); \
	} \
	extern int	no_such_variable

#endif							/* BAKKT_LEDGER_COMPARISON_H */
