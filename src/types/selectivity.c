/*-------------------------------------------------------------------------
 *
 * selectivity.c
 *	  Planner estimates for operators that may raise.
 *
 * eqsel and its kin call the operator on values of other rows, and the strict
 * operators of amount and price raise there for another asset.  So the
 * estimate is made with the twin in the default btree class, which orders
 * everything.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_operator.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "fmgr.h"

/* btree strategy of a strict operator's name; <> is the negator of = */
static StrategyNumber
strategy_of(const char *name)
{
	switch (name[0])
	{
		case '<':
			return name[1] == '=' ? BTLessEqualStrategyNumber :
				name[1] == '>' ? BTEqualStrategyNumber : BTLessStrategyNumber;
		case '>':
			return name[1] == '=' ? BTGreaterEqualStrategyNumber : BTGreaterStrategyNumber;
		default:
			return BTEqualStrategyNumber;
	}
}

/* The operator of the total order that means the same. */
static Oid
total_order_twin(Oid strict_operator)
{
	Oid			left;
	Oid			right;
	Oid			twin;
	char	   *name = get_opname(strict_operator);
	TypeCacheEntry *type;

	op_input_types(strict_operator, &left, &right);
	type = lookup_type_cache(left, TYPECACHE_BTREE_OPFAMILY);
	twin = get_opfamily_member(type->btree_opf, left, right, strategy_of(name));
	return strcmp(name, "<>") == 0 ? get_negator(twin) : twin;
}

/* strict_selectivity(root, operator, arguments, relation) */
PG_FUNCTION_INFO_V1(strict_selectivity);
Datum
strict_selectivity(PG_FUNCTION_ARGS)
{
	Oid			twin = total_order_twin(PG_GETARG_OID(1));

	return OidFunctionCall4Coll(get_oprrest(twin), PG_GET_COLLATION(),
								PG_GETARG_DATUM(0), ObjectIdGetDatum(twin),
								PG_GETARG_DATUM(2), PG_GETARG_DATUM(3));
}

/* strict_join_selectivity(root, operator, arguments, join type, join) */
PG_FUNCTION_INFO_V1(strict_join_selectivity);
Datum
strict_join_selectivity(PG_FUNCTION_ARGS)
{
	Oid			twin = total_order_twin(PG_GETARG_OID(1));

	return OidFunctionCall5Coll(get_oprjoin(twin), PG_GET_COLLATION(),
								PG_GETARG_DATUM(0), ObjectIdGetDatum(twin),
								PG_GETARG_DATUM(2), PG_GETARG_DATUM(3),
								PG_GETARG_DATUM(4));
}
