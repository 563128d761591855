/*-------------------------------------------------------------------------
 *
 * relations.h
 *	  The ledger's own tables, indexes and sequence, found by schema and name
 *	  (never through search_path) and remembered until they change.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_RELATIONS_H
#define BAKKT_LEDGER_RELATIONS_H

#include "postgres.h"

#define LEDGER_SCHEMA "bakkt_ledger_internal"

typedef enum LedgerRelation
{
	LEDGER_JOURNAL,
	LEDGER_JOURNAL_KEY,
	LEDGER_JOURNAL_REFERENCE_KEY,
	LEDGER_JOURNAL_EFFECTIVE_INDEX,
	LEDGER_JOURNAL_REVERSES_INDEX,
	LEDGER_JOURNAL_PARTY,
	LEDGER_REJECTION,
	LEDGER_REJECTION_KEY,
	LEDGER_BALANCE,
	LEDGER_BALANCE_KEY,
	LEDGER_RECORD_SEQUENCE,
	LEDGER_CASH_CALL,
	LEDGER_CASH_CALL_OPEN_INDEX,
	LEDGER_EVENT,
	LEDGER_CUSTOMER,
	LEDGER_CUSTOMER_CODE_KEY,
	LEDGER_ACCOUNT_KEY,
	LEDGER_ACCOUNT_NAME_KEY,
	LEDGER_BLOCK,
	LEDGER_BLOCK_BALANCE,
	LEDGER_ACCOUNT,
	LEDGER_SUPPORTED_ASSET,
	LEDGER_CLIENT,
	LEDGER_CLIENT_ACCESS,
	LEDGER_PROVIDER,
	LEDGER_INSTRUMENT,
	LEDGER_CASH_TERMS,
	LEDGER_ORDER_COMMISSION,
	LEDGER_ORDER_COMMISSION_KEY,
	LEDGER_TRADING_STATUS,
	LEDGER_EXPOSURE_LIMIT,
	LEDGER_PROVIDER_LIMIT,
	LEDGER_EXPOSURE_ALERT,
	LEDGER_EXPOSURE_ALERT_KEY,
	LEDGER_RELATION_COUNT
} LedgerRelation;

extern Oid	ledger_relation(LedgerRelation which);

/* The role that owns the ledger's tables. */
extern Oid	ledger_owner(void);

#endif							/* BAKKT_LEDGER_RELATIONS_H */
