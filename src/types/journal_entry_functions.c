/*-------------------------------------------------------------------------
 *
 * journal_entry_functions.c
 *	  Making entries from lines, and looking into them.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "errors.h"
#include "types/journal_entry.h"

PG_FUNCTION_INFO_V1(journal_entry_from_lines);
Datum
journal_entry_from_lines(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	EntryLine  *lines = (EntryLine *) ARR_DATA_PTR(array);

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_LG_INVALID_REQUEST),
				 errmsg("line of a journal entry is NULL"),
				 errhint("account_of() is NULL for an account that was never opened; open it with open_account().")));
	/* lines have a fixed size of whole words: the array's data is a C array */
	PG_RETURN_JOURNAL_ENTRY_P(entry_pack(lines, ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array))));
}

/* ----------
 * lines(journal_entry)
 * ----------
 */

#define LINES_COLUMNS 6

typedef struct LinesState
{
	JournalEntry *entry;
	EntryReader reader;
} LinesState;

static void
lines_begin(FunctionCallInfo fcinfo)
{
	FuncCallContext *call = SRF_FIRSTCALL_INIT();
	MemoryContext previous = MemoryContextSwitchTo(call->multi_call_memory_ctx);
	LinesState *state = palloc(sizeof(LinesState));

	if (get_call_result_type(fcinfo, NULL, &call->tuple_desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	BlessTupleDesc(call->tuple_desc);
	/* a copy: the argument need not outlive the first call */
	state->entry = (JournalEntry *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
	entry_read_begin(&state->reader, state->entry);
	call->user_fctx = state;
	MemoryContextSwitchTo(previous);
}

static Datum
line_row(FuncCallContext *call, const EntryLine *line, uint32 number)
{
	Datum		values[LINES_COLUMNS];
	bool		nulls[LINES_COLUMNS] = {false};
	bool		debit = line->amount >= 0;

	values[0] = Int32GetDatum((int32) number);
	values[1] = AccountIdGetDatum(line->account);
	values[2] = CStringGetTextDatum(fund_name(account_fund(line->account)));
	values[3] = AmountPGetDatum(amount_make(line->amount, line->asset));
	values[4] = debit ? values[3] : (Datum) 0;
	values[5] = debit ? (Datum) 0 : AmountPGetDatum(amount_make(-line->amount, line->asset));
	nulls[4] = !debit;
	nulls[5] = debit;
	return HeapTupleGetDatum(heap_form_tuple(call->tuple_desc, values, nulls));
}

PG_FUNCTION_INFO_V1(journal_entry_lines);
Datum
journal_entry_lines(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	LinesState *state;
	EntryLine	line;

	if (SRF_IS_FIRSTCALL())
		lines_begin(fcinfo);
	call = SRF_PERCALL_SETUP();
	state = call->user_fctx;
	if (!entry_read_next(&state->reader, &line))
		SRF_RETURN_DONE(call);
	SRF_RETURN_NEXT(call, line_row(call, &line, state->reader.line));
}

PG_FUNCTION_INFO_V1(journal_entry_line_count);
Datum
journal_entry_line_count(PG_FUNCTION_ARGS)
{
	EntryReader reader;

	entry_read_begin(&reader, PG_GETARG_JOURNAL_ENTRY_P(0));
	PG_RETURN_INT32((int32) reader.line_count);
}

/* ----------
 * Entries from entries
 * ----------
 */

PG_FUNCTION_INFO_V1(journal_entry_reverse);
Datum
journal_entry_reverse(PG_FUNCTION_ARGS)
{
	EntryLine  *lines;
	int			count = entry_unpack(PG_GETARG_JOURNAL_ENTRY_P(0), &lines);

	for (int i = 0; i < count; i++)
		lines[i].amount = -lines[i].amount;
	PG_RETURN_JOURNAL_ENTRY_P(entry_pack(lines, count));
}

/* The lines of one entry after those of another: the sum of two zeros is zero. */
PG_FUNCTION_INFO_V1(journal_entry_add);
Datum
journal_entry_add(PG_FUNCTION_ARGS)
{
	EntryLine  *first,
			   *second,
			   *both;
	int			first_count = entry_unpack(PG_GETARG_JOURNAL_ENTRY_P(0), &first);
	int			second_count = entry_unpack(PG_GETARG_JOURNAL_ENTRY_P(1), &second);

	both = palloc(sizeof(EntryLine) * (first_count + second_count));
	memcpy(both, first, sizeof(EntryLine) * first_count);
	memcpy(both + first_count, second, sizeof(EntryLine) * second_count);
	PG_RETURN_JOURNAL_ENTRY_P(entry_pack(both, first_count + second_count));
}

/* ----------
 * One account of an entry
 * ----------
 */

void
entry_line_add(EntryLine *sum, units amount)
{
	if (!units_add(sum->amount, amount, &sum->amount))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum of account %s out of range", account_text(sum->account))));
}

bool
entry_net(const JournalEntry *entry, account_id account, EntryLine *net)
{
	EntryReader reader;
	EntryLine	line;
	bool		found = false;

	entry_read_begin(&reader, entry);
	while (entry_read_next(&reader, &line))
	{
		if (line.account != account)
			continue;
		if (!found)
			*net = line;
		else if (line.asset == net->asset)
			entry_line_add(net, line.amount);
		else
			ereport(ERROR,
					(errcode(ERRCODE_LG_DIFFERENT_ASSETS),
					 errmsg("lines of account %s are in different assets", account_text(account)),
					 errdetail("Both %s and %s.", asset_text(net->asset), asset_text(line.asset))));
		found = true;
	}
	return found;
}

PG_FUNCTION_INFO_V1(journal_entry_amount_of);
Datum
journal_entry_amount_of(PG_FUNCTION_ARGS)
{
	EntryLine	net;

	if (!entry_net(PG_GETARG_JOURNAL_ENTRY_P(0), PG_GETARG_ACCOUNT_ID(1), &net))
		PG_RETURN_NULL();
	PG_RETURN_AMOUNT_P(amount_make(net.amount, net.asset));
}

PG_FUNCTION_INFO_V1(journal_entry_touches);
Datum
journal_entry_touches(PG_FUNCTION_ARGS)
{
	account_id	account = PG_GETARG_ACCOUNT_ID(1);
	EntryReader reader;
	EntryLine	line;

	entry_read_begin(&reader, PG_GETARG_JOURNAL_ENTRY_P(0));
	while (entry_read_next(&reader, &line))
		if (line.account == account)
			PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(false);
}

static int
compare_accounts(const void *a, const void *b)
{
	account_id	first = DatumGetAccountId(*(const Datum *) a);
	account_id	second = DatumGetAccountId(*(const Datum *) b);

	CHECK_FOR_INTERRUPTS();
	return (first > second) - (first < second);
}

/* Each account once, in order: the order in which posting locks them. */
PG_FUNCTION_INFO_V1(journal_entry_accounts);
Datum
journal_entry_accounts(PG_FUNCTION_ARGS)
{
	EntryReader reader;
	EntryLine	line;
	Datum	   *accounts;
	int			count = 0,
				distinct = 1;

	entry_read_begin(&reader, PG_GETARG_JOURNAL_ENTRY_P(0));
	accounts = palloc(sizeof(Datum) * reader.line_count);
	while (entry_read_next(&reader, &line))
		accounts[count++] = AccountIdGetDatum(line.account);
	qsort(accounts, count, sizeof(Datum), compare_accounts);
	for (int i = 1; i < count; i++)
		if (accounts[i] != accounts[distinct - 1])
			accounts[distinct++] = accounts[i];
	PG_RETURN_ARRAYTYPE_P(construct_array(accounts, distinct,
										  get_element_type(get_fn_expr_rettype(fcinfo->flinfo)),
										  sizeof(int64), true, TYPALIGN_DOUBLE));
}
