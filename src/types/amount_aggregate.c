/*-------------------------------------------------------------------------
 *
 * amount_aggregate.c
 *	  sum and avg of amounts.
 *
 * The state of sum is an amount: the executor copies the first one into the
 * aggregate's context and the transition adds to it in place, so that a row
 * costs one comparison, one addition and one range check, no allocation, no
 * null test (the function is strict), and workers' states travel as amounts.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"

#include "arithmetic/rounding.h"
#include "types/amount.h"
#include "types/value_error.h"

/* State of avg */
typedef struct AverageState
{
	Amount		sum;
	int64		count;
} AverageState;

pg_noreturn static void
sum_out_of_range(const Amount *sum, const Amount *value)
{
	arithmetic_error(UNITS_OVERFLOW,
					 psprintf("summing %s and %s",
							  amount_text(amount_units(sum), sum->asset),
							  amount_text(amount_units(value), value->asset)),
					 NULL);
}

static inline void
accumulate(Amount *sum, const Amount *value)
{
	units		result;

	require_same_asset("sum", sum, value);
	if (unlikely(!units_add(amount_units(sum), amount_units(value), &result)))
		sum_out_of_range(sum, value);
	amount_set(sum, result, sum->asset);
}

/* the inverse, for moving windows */
static inline void
withdraw(Amount *sum, const Amount *value)
{
	units		result;

	require_same_asset("sum", sum, value);
	if (unlikely(!units_subtract(amount_units(sum), amount_units(value), &result)))
		sum_out_of_range(sum, value);
	amount_set(sum, result, sum->asset);
}

/* The state to change: in place in an aggregate, a copy in a plain call. */
static inline Amount *
writable_sum(FunctionCallInfo fcinfo)
{
	Amount	   *sum = PG_GETARG_AMOUNT_P(0);

	if (likely(AggCheckCallContext(fcinfo, NULL)))
		return sum;
	return amount_make(amount_units(sum), sum->asset);
}

/* amount_sum - transition and combine of sum(amount) */
PG_FUNCTION_INFO_V1(amount_sum);
Datum
amount_sum(PG_FUNCTION_ARGS)
{
	Amount	   *sum = writable_sum(fcinfo);

	accumulate(sum, PG_GETARG_AMOUNT_P(1));
	PG_RETURN_AMOUNT_P(sum);
}

/* amount_sum_undo - inverse transition of sum(amount) */
PG_FUNCTION_INFO_V1(amount_sum_undo);
Datum
amount_sum_undo(PG_FUNCTION_ARGS)
{
	Amount	   *sum = writable_sum(fcinfo);

	withdraw(sum, PG_GETARG_AMOUNT_P(1));
	PG_RETURN_AMOUNT_P(sum);
}

/* ----------
 * avg
 * ----------
 */

/* A state in the aggregate's context, equal to another but for its place. */
static AverageState *
average_state_copy(FunctionCallInfo fcinfo, const AverageState *original)
{
	MemoryContext context;
	AverageState *state;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	state = MemoryContextAlloc(context, sizeof(AverageState));
	*state = *original;
	return state;
}

static inline AverageState *
average_state_argument(FunctionCallInfo fcinfo, int argument)
{
	if (PG_ARGISNULL(argument))
		return NULL;
	return (AverageState *) PG_GETARG_POINTER(argument);
}

/*
 * Add to a state, or make it the first.  A state that a moving window has
 * emptied may start again with another asset.
 */
static AverageState *
average_add(FunctionCallInfo fcinfo, AverageState *state, const AverageState *more)
{
	if (state == NULL)
		return average_state_copy(fcinfo, more);
	if (state->count == 0)
	{
		*state = *more;
		return state;
	}
	accumulate(&state->sum, &more->sum);
	state->count += more->count;
	return state;
}

/* amount_avg_transition - one more amount; never NULL, as moving windows want it */
PG_FUNCTION_INFO_V1(amount_avg_transition);
Datum
amount_avg_transition(PG_FUNCTION_ARGS)
{
	AverageState *state = average_state_argument(fcinfo, 0);
	AverageState one = {.count = 0};

	if (!PG_ARGISNULL(1))
	{
		one.sum = *PG_GETARG_AMOUNT_P(1);
		one.count = 1;
	}
	else if (state != NULL)
		PG_RETURN_POINTER(state);
	PG_RETURN_POINTER(average_add(fcinfo, state, &one));
}

/* amount_avg_undo - one amount less, for moving windows */
PG_FUNCTION_INFO_V1(amount_avg_undo);
Datum
amount_avg_undo(PG_FUNCTION_ARGS)
{
	AverageState *state = average_state_argument(fcinfo, 0);

	if (state == NULL)
		elog(ERROR, "amount_avg_undo called without a state");
	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	withdraw(&state->sum, PG_GETARG_AMOUNT_P(1));
	state->count--;
	PG_RETURN_POINTER(state);
}

/* amount_avg_combine - the states of two workers */
PG_FUNCTION_INFO_V1(amount_avg_combine);
Datum
amount_avg_combine(PG_FUNCTION_ARGS)
{
	AverageState *state = average_state_argument(fcinfo, 0);
	AverageState *more = average_state_argument(fcinfo, 1);

	if (more != NULL && more->count > 0)
		state = average_add(fcinfo, state, more);
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* amount_avg_serialize - portable form of a state */
PG_FUNCTION_INFO_V1(amount_avg_serialize);
Datum
amount_avg_serialize(PG_FUNCTION_ARGS)
{
	AverageState *state = (AverageState *) PG_GETARG_POINTER(0);
	StringInfoData message;

	pq_begintypsend(&message);
	units_send(&message, amount_units(&state->sum));
	pq_sendint64(&message, state->sum.asset);
	pq_sendint64(&message, state->count);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PG_FUNCTION_INFO_V1(amount_avg_deserialize);
Datum
amount_avg_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *serialized = PG_GETARG_BYTEA_PP(0);
	AverageState *state = palloc(sizeof(AverageState));
	StringInfoData message;
	units		sum;

	initStringInfo(&message);
	appendBinaryStringInfo(&message, VARDATA_ANY(serialized), VARSIZE_ANY_EXHDR(serialized));
	sum = units_receive(&message);
	amount_set(&state->sum, sum, asset_receive(&message));
	state->count = pq_getmsgint64(&message);
	pq_getmsgend(&message);
	pfree(message.data);
	PG_RETURN_POINTER(state);
}

/* amount_avg_final - rounded half-even at 18 decimals; NULL over nothing */
PG_FUNCTION_INFO_V1(amount_avg_final);
Datum
amount_avg_final(PG_FUNCTION_ARGS)
{
	AverageState *state = average_state_argument(fcinfo, 0);
	units		average;

	if (state == NULL || state->count == 0)
		PG_RETURN_NULL();
	(void) units_multiply_divide(amount_units(&state->sum), 1, state->count,
								 UNITS_DECIMALS, UNITS_ROUND_HALF_EVEN, &average);
	PG_RETURN_AMOUNT_P(amount_make(average, state->sum.asset));
}
