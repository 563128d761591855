/*-------------------------------------------------------------------------
 *
 * exposure_alert.h
 *	  A client that has come near its net debit cap.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_EXPOSURE_ALERT_H
#define BAKKT_LEDGER_EXPOSURE_ALERT_H

#include "utils/date.h"

#include "types/amount.h"

/* What the client owes after a call, in a currency and a window of which no alert is known */
typedef struct ExposureAlert
{
	int32		client_id;
	asset_code	asset;
	DateADT		day;
	units		net_debit_cap;
	units		net_debit;
} ExposureAlert;

/* Record it unless it has been; false: another transaction is at it, and nobody waits for that one. */
extern bool exposure_alert_record(const ExposureAlert *alert);

#endif							/* BAKKT_LEDGER_EXPOSURE_ALERT_H */
