/*-------------------------------------------------------------------------
 *
 * live_position.h
 *	  What a client owes now, and has traded today, as far as transactions
 *	  have ended.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_LIVE_POSITION_H
#define BAKKT_LEDGER_LIVE_POSITION_H

#include "datatype/timestamp.h"
#include "utils/date.h"

#include "types/amount.h"

typedef struct LivePosition LivePosition;

/* In one currency */
typedef struct LiveFigure
{
	asset_code	asset;
	units		net_debit;		/* what the client owes; negative: it is owed */
	units		gross;			/* of the day's executions */
	DateADT		alerted;		/* the last day known to have its alert */
} LiveFigure;

/* Begin a call: forget what was read of transactions that are undone. */
extern void live_positions_begin(void);
/* Everything that has been committed by now, and what this transaction has posted. gross: also of the day. */
extern LivePosition *live_position_read(int32 client_id, bool gross, TimestampTz moment);
extern LiveFigure *live_figure(LivePosition *position, asset_code asset);
/* The client's day: local date of the cut-off that ends it. */
extern DateADT live_position_day(const LivePosition *position);
/* Was the client's journal recorded in that day? */
extern bool live_position_in_day(const LivePosition *position, int64 journal_id);
/* This call has posted a journal with these changes: it need not be read again. */
extern void live_position_posted(LivePosition *position, int64 journal_id, asset_code asset, units net_debit, units gross);

#endif							/* BAKKT_LEDGER_LIVE_POSITION_H */
