/*-------------------------------------------------------------------------
 *
 * trade_cash_call.c
 *	  What posting an execution, or its bust, does to cash calls: in the same
 *	  transaction, so that there is no execution without its call.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "cash/cash_call.h"
#include "trade/trade_cash_call.h"

/* The execution that the trade takes back, if its cash was called. */
static int64
busted_call(const TradeRequest *trade)
{
	if (!trade->is_bust || trade->busted == NULL || trade_refused(trade) || !funding_is_called(trade->busted->funding))
		return 0;
	return trade->request->reverses;
}

void
trade_cash_calls_lock_customers(const TradeBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		int64		call = busted_call(&batch->trades[i]);

		if (call != 0)
			cash_call_lock_customer(batch->requests[i].client_id, call);
	}
}

/* One that may leave a deficit binds what is there when it asks what is not: trade_bust.c. */
void
trade_cash_calls_prepare_busts(const TradeBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		int64		call = busted_call(&batch->trades[i]);

		if (call != 0 && !batch->trades[i].with_deficit)
			cash_call_prepare_bust(batch->requests[i].client_id, call);
	}
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

void
trade_cash_calls_record(const TradeBatch *batch)
{
	TableWriter *writer = NULL;

	for (int i = 0; i < batch->count; i++)
	{
		const TradeRequest *trade = &batch->trades[i];
		int64		busted = busted_call(trade);

		if (trade_refused(trade) || trade->request->replayed)
			continue;
		if (busted != 0)
			cash_call_bust(trade->request->client_id, busted, trade->request->journal_id, trade->request->recorded_at);
		else if (!trade->is_bust)
			open_call(&writer, trade);
	}
	if (writer == NULL)
		return;
	writer_close(writer);
	CommandCounterIncrement();
}
