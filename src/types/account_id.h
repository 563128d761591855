/*-------------------------------------------------------------------------
 *
 * account_id.h
 *	  The identifier of a ledger account, eight bytes by value.
 *
 * Its lowest three bits are the fund, so that a journal entry can be checked
 * per (fund, asset) with no table at hand (I1); the rest is the account's
 * number, unique over all funds and clients.  Text: 'FBO:1042'.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_ACCOUNT_ID_H
#define BAKKT_LEDGER_ACCOUNT_ID_H

#include "postgres.h"
#include "fmgr.h"

typedef int64 account_id;

typedef enum Fund
{
	FUND_FBO = 1,				/* customer fiat at banks */
	FUND_CUST = 2,				/* customer coin */
	FUND_SEG = 3,				/* customer futures money */
	FUND_CORP = 4				/* the company's own */
} Fund;

#define FUND_COUNT 5			/* 0 is no fund */

#define ACCOUNT_FUND_BITS 3
#define ACCOUNT_NUMBER_MAX (((int64) 1 << 56) - 1)

static inline Fund
account_fund(account_id account)
{
	return (Fund) (account & ((1 << ACCOUNT_FUND_BITS) - 1));
}

static inline int64
account_number(account_id account)
{
	return account >> ACCOUNT_FUND_BITS;
}

static inline account_id
account_make(Fund fund, int64 number)
{
	return (number << ACCOUNT_FUND_BITS) | fund;
}

#define DatumGetAccountId(d)	((account_id) DatumGetInt64(d))
#define AccountIdGetDatum(a)	Int64GetDatum((int64) (a))
#define PG_GETARG_ACCOUNT_ID(n)	DatumGetAccountId(PG_GETARG_DATUM(n))
#define PG_RETURN_ACCOUNT_ID(a)	return AccountIdGetDatum(a)

#define ACCOUNT_TEXT_SIZE 32

extern const char *fund_name(Fund fund);	/* "FBO" ... */
extern bool fund_parse(const char *text, size_t length, Fund *fund);
extern char *account_text(account_id account);	/* palloc'd, for messages */
extern bool account_id_is_valid(account_id account);

#endif							/* BAKKT_LEDGER_ACCOUNT_ID_H */
