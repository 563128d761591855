/*-------------------------------------------------------------------------
 *
 * trade_cash_call.c
 *	  What posting an execution, or its bust, does to cash calls: in the same
 *	  transaction, so that there is no execution without its call.
 *
 * A new call is one row, written in bulk like its journal.  Busts are rare
 * and go through the functions of chapter 44.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/timestamp.h"

#include "cash/cash_call.h"
#include "ledger/spi_plan.h"

/* The execution that the trade takes back, if its cash was called. */
static int64
busted_call(const TradeRequest *trade)
{
	if (!trade->is_bust || trade->busted == NULL || trade_refused(trade) || !funding_is_called(trade->busted->funding))
		return 0;
	return trade->request->reverses;
}

/* Call the function of each busted call's client and number. */
static void
for_each_bust(const TradeBatch *batch, SPIPlanPtr *plan, const char *query)
{
	Oid			types[2] = {INT4OID, INT8OID};

	for (int i = 0; i < batch->count; i++)
	{
		int64		call = busted_call(&batch->trades[i]);
		Datum		arguments[2] = {Int32GetDatum(batch->requests[i].client_id), Int64GetDatum(call)};

		if (call == 0)
			continue;
		SPI_connect();
		spi_plan(plan, 2, types, query);
		spi_execute(*plan, arguments);
		SPI_finish();
	}
}

void
cash_calls_lock_customers(const TradeBatch *batch)
{
	static SPIPlanPtr plan = NULL;

	for_each_bust(batch, &plan, "SELECT bakkt_ledger_internal.lock_customer_of_cash_call($1, $2)");
}

void
cash_calls_prepare_busts(const TradeBatch *batch)
{
	static SPIPlanPtr plan = NULL;

	for_each_bust(batch, &plan, "SELECT bakkt_ledger_internal.prepare_bust_of_cash_call($1, $2)");
}

/* The call of an execution that was posted now, if there is money to call. */
static void
open_call(TableWriter **writer, const TradeRequest *trade)
{
	const LedgerRequest *request = trade->request;
	const ExecutionTerms *terms = &trade->terms;
	CashCall	call = {0};

	if (terms->net_money == 0 || !funding_is_called(terms->funding))
		return;
	call.client_id = request->client_id;
	call.journal_id = request->journal_id;
	call.customer_id = terms->customer_id;
	call.called_at = call.due_at = request->effective_at;
	call.opened_at = request->recorded_at;
	call.closed_at = call.closed_recorded_at = NO_INSTANT;
	call.status = CALL_OUTSTANDING;
	call.apex = terms->funding == FUNDING_APEX_TPJ;
	call.withdrawal = !terms->sell;
	call.sale = terms->sell;
	call.asset = terms->quote;
	call.amount = terms->net_money;
	call.coin_asset = terms->base;
	call.coin = trade->encumbered ? terms->quantity : 0;
	if (*writer == NULL)
		*writer = writer_open(LEDGER_CASH_CALL);
	cash_call_insert(*writer, &call);
}

static void
bust_call(const LedgerRequest *request, int64 call)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[4] = {INT4OID, INT8OID, INT8OID, TIMESTAMPTZOID};
	Datum		arguments[4] = {Int32GetDatum(request->client_id), Int64GetDatum(call),
	Int64GetDatum(request->journal_id), TimestampTzGetDatum(request->recorded_at)};

	SPI_connect();
	spi_plan(&plan, 4, types, "SELECT bakkt_ledger_internal.bust_cash_call($1, $2, $3, $4, $4)");
	spi_execute(plan, arguments);
	SPI_finish();
}

void
cash_calls_open(const TradeBatch *batch)
{
	TableWriter *writer = NULL;

	for (int i = 0; i < batch->count; i++)
	{
		const TradeRequest *trade = &batch->trades[i];
		int64		busted = busted_call(trade);

		if (trade_refused(trade) || trade->request->replayed)
			continue;
		if (busted != 0)
			bust_call(trade->request, busted);
		else if (!trade->is_bust)
			open_call(&writer, trade);
	}
	if (writer == NULL)
		return;
	writer_close(writer);
	CommandCounterIncrement();
}
