/*-------------------------------------------------------------------------
 *
 * errors.h
 *	  SQLSTATEs of class LG: one per rule the ledger can refuse by.
 *
 * These are part of the API (doc/errors.md); a code never changes its
 * meaning.  Concurrency is never reported here: a retryable conflict is
 * always 40001 or 40P01.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_ERRORS_H
#define BAKKT_LEDGER_ERRORS_H

#define LEDGER_ERRCODE(a, b, c) MAKE_SQLSTATE('L', 'G', (a), (b), (c))

/* values: types and entries */
#define ERRCODE_LG_UNBALANCED			LEDGER_ERRCODE('0', '0', '1')	/* entry does not sum to zero per (fund, asset) */
#define ERRCODE_LG_INVALID_REQUEST		LEDGER_ERRCODE('0', '0', '2')	/* empty, NULL or malformed request */
#define ERRCODE_LG_MIRROR_UNPAIRED		LEDGER_ERRCODE('0', '0', '3')	/* due-to without its due-from (I7) */
#define ERRCODE_LG_DIFFERENT_ASSETS		LEDGER_ERRCODE('0', '0', '4')	/* arithmetic or order between two assets */
#define ERRCODE_LG_INEXACT				LEDGER_ERRCODE('0', '0', '5')	/* result not representable exactly; round by name */

/* parties */
#define ERRCODE_LG_UNKNOWN_CLIENT		LEDGER_ERRCODE('0', '1', '0')
#define ERRCODE_LG_CLIENT_CLOSED		LEDGER_ERRCODE('0', '1', '1')
#define ERRCODE_LG_UNKNOWN_CUSTOMER		LEDGER_ERRCODE('0', '1', '2')
#define ERRCODE_LG_CUSTOMER_RESTRICTED	LEDGER_ERRCODE('0', '1', '3')	/* mode or party status forbids it */
#define ERRCODE_LG_UNKNOWN_PROVIDER		LEDGER_ERRCODE('0', '1', '4')
#define ERRCODE_LG_UNKNOWN_INSTRUMENT	LEDGER_ERRCODE('0', '1', '5')
#define ERRCODE_LG_UNKNOWN_BANK_ACCOUNT	LEDGER_ERRCODE('0', '1', '6')

/* idempotency */
#define ERRCODE_LG_REFERENCE_CONFLICT	LEDGER_ERRCODE('0', '2', '0')	/* same reference, other content */

/* accounts */
#define ERRCODE_LG_UNKNOWN_ACCOUNT		LEDGER_ERRCODE('0', '3', '0')
#define ERRCODE_LG_FOREIGN_ACCOUNT		LEDGER_ERRCODE('0', '3', '1')	/* belongs to another client */
#define ERRCODE_LG_ACCOUNT_CLOSED		LEDGER_ERRCODE('0', '3', '2')
#define ERRCODE_LG_ACCOUNT_FROZEN		LEDGER_ERRCODE('0', '3', '3')
#define ERRCODE_LG_UNKNOWN_KIND			LEDGER_ERRCODE('0', '3', '4')	/* name not in the chart of accounts */
#define ERRCODE_LG_ACCOUNT_NOT_EMPTY	LEDGER_ERRCODE('0', '3', '5')	/* closing needs zero and no holds */

/* assets and instruments that wind down */
#define ERRCODE_LG_WINDING_DOWN			LEDGER_ERRCODE('0', '3', '8')	/* its status does not let this pass */
#define ERRCODE_LG_CLAIMED				LEDGER_ERRCODE('0', '3', '9')	/* retiring needs that nobody has a claim */

/* assets and amounts */
#define ERRCODE_LG_UNKNOWN_ASSET		LEDGER_ERRCODE('0', '4', '0')
#define ERRCODE_LG_ASSET_RETIRED		LEDGER_ERRCODE('0', '4', '1')
#define ERRCODE_LG_ASSET_MISMATCH		LEDGER_ERRCODE('0', '4', '2')	/* account holds another asset */
#define ERRCODE_LG_SCALE_EXCEEDED		LEDGER_ERRCODE('0', '4', '3')	/* more decimals than the asset has */
#define ERRCODE_LG_ZERO_AMOUNT			LEDGER_ERRCODE('0', '4', '4')
#define ERRCODE_LG_NOT_POSITIVE			LEDGER_ERRCODE('0', '4', '5')
#define ERRCODE_LG_OFF_TICK				LEDGER_ERRCODE('0', '4', '6')	/* price or quantity off its increment */
#define ERRCODE_LG_BELOW_MINIMUM		LEDGER_ERRCODE('0', '4', '7')
#define ERRCODE_LG_PRICE_CONCESSION		LEDGER_ERRCODE('0', '4', '8')	/* the customer's price is worse for the company than the provider's */
#define ERRCODE_LG_PRICE_BAND			LEDGER_ERRCODE('0', '4', '9')	/* the provider's price is far from its last execution */

/* balances and holds */
#define ERRCODE_LG_INSUFFICIENT			LEDGER_ERRCODE('0', '5', '0')	/* claim would go debit (I5) or below its floor */
#define ERRCODE_LG_UNKNOWN_HOLD			LEDGER_ERRCODE('0', '5', '1')
#define ERRCODE_LG_HOLD_STATE			LEDGER_ERRCODE('0', '5', '2')	/* captured, released or expired already */
#define ERRCODE_LG_HOLD_EXCEEDED		LEDGER_ERRCODE('0', '5', '3')

/* posting */
#define ERRCODE_LG_CHAIN_REFUSED		LEDGER_ERRCODE('0', '6', '0')	/* another request of the linked chain was refused */
#define ERRCODE_LG_EFFECTIVE_TIME		LEDGER_ERRCODE('0', '6', '1')	/* too far ahead, or before the first trading day */
#define ERRCODE_LG_UNKNOWN_JOURNAL		LEDGER_ERRCODE('0', '6', '2')
#define ERRCODE_LG_ALREADY_REVERSED		LEDGER_ERRCODE('0', '6', '3')
#define ERRCODE_LG_REVERSAL_EXCEEDED	LEDGER_ERRCODE('0', '6', '4')
#define ERRCODE_LG_REVERSAL_OF_REVERSAL	LEDGER_ERRCODE('0', '6', '5')
#define ERRCODE_LG_APPEND_ONLY			LEDGER_ERRCODE('0', '6', '6')
#define ERRCODE_LG_SAME_PERSON			LEDGER_ERRCODE('0', '6', '7')	/* a second person must approve (I25) */
#define ERRCODE_LG_TWO_PEOPLE			LEDGER_ERRCODE('0', '6', '8')	/* an entry that nobody makes alone by hand */
#define ERRCODE_LG_UNKNOWN_CURSOR		LEDGER_ERRCODE('0', '6', '9')	/* the feed's, of a block that this ledger does not have */

/* settlement */
#define ERRCODE_LG_UNKNOWN_WINDOW		LEDGER_ERRCODE('0', '7', '0')
#define ERRCODE_LG_WINDOW_STATE			LEDGER_ERRCODE('0', '7', '1')	/* transition not allowed */
#define ERRCODE_LG_WINDOW_NOT_OVER		LEDGER_ERRCODE('0', '7', '2')
#define ERRCODE_LG_UNKNOWN_OBLIGATION	LEDGER_ERRCODE('0', '7', '3')
#define ERRCODE_LG_OBLIGATION_EXCEEDED	LEDGER_ERRCODE('0', '7', '4')
#define ERRCODE_LG_CALENDAR				LEDGER_ERRCODE('0', '7', '5')	/* date outside the calendar's data */
#define ERRCODE_LG_WINDOW_DOES_NOT_TIE	LEDGER_ERRCODE('0', '7', '6')	/* its figures are not those of its members (I14) */

/* customer cash */
#define ERRCODE_LG_UNKNOWN_TRANSFER		LEDGER_ERRCODE('0', '8', '0')	/* deposit, withdrawal or FBO transfer */
#define ERRCODE_LG_TRANSFER_STATE		LEDGER_ERRCODE('0', '8', '1')	/* transition not allowed */
#define ERRCODE_LG_UNKNOWN_CASH_CALL	LEDGER_ERRCODE('0', '8', '2')
#define ERRCODE_LG_CASH_CALL_STATE		LEDGER_ERRCODE('0', '8', '3')	/* settled, written off, ... already */
#define ERRCODE_LG_NO_BUYING_POWER		LEDGER_ERRCODE('0', '8', '4')	/* prefunded: no leverage, no margin */
#define ERRCODE_LG_UNKNOWN_CODE			LEDGER_ERRCODE('0', '8', '5')	/* return or reason code not in the reference data */
#define ERRCODE_LG_RECOVERY_EXCEEDED	LEDGER_ERRCODE('0', '8', '6')	/* more than was written off or is in deficit */
#define ERRCODE_LG_UNKNOWN_BATCH		LEDGER_ERRCODE('0', '8', '7')	/* Apex batch */
#define ERRCODE_LG_UNKNOWN_LIST			LEDGER_ERRCODE('0', '8', '8')	/* aged list that was not taken */
#define ERRCODE_LG_LIST_DOES_NOT_TIE	LEDGER_ERRCODE('0', '8', '9')	/* a list printed again is not what it was */

/* scheduler */
#define ERRCODE_LG_UNKNOWN_JOB			LEDGER_ERRCODE('0', '9', '0')

/* exposure */
#define ERRCODE_LG_TRADE_LIMIT			LEDGER_ERRCODE('0', '9', '1')	/* one execution, of a client or with a provider */
#define ERRCODE_LG_NET_DEBIT_CAP		LEDGER_ERRCODE('0', '9', '2')	/* what the client may owe in all */
#define ERRCODE_LG_DAILY_GROSS_LIMIT	LEDGER_ERRCODE('0', '9', '3')	/* what it may trade from one cut-off to the next */
#define ERRCODE_LG_CLIENT_MAY_NOT_TRADE LEDGER_ERRCODE('0', '9', '4')	/* CLOSE_ONLY or SUSPENDED */

#endif							/* BAKKT_LEDGER_ERRORS_H */
