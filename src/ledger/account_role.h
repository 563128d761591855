/*-------------------------------------------------------------------------
 *
 * account_role.h
 *	  Accounts by their role in a posting template, cached per session.
 *
 * A batch first asks for every account it posts to, then loads what is
 * missing at once, then uses it: no query per journal.  Slots stay valid
 * until the next account_roles_begin().
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_ACCOUNT_ROLE_H
#define BAKKT_LEDGER_ACCOUNT_ROLE_H

#include "types/account_id.h"
#include "types/asset.h"

#define PARTY_CODE_SIZE 24

/* What an account is to a template; their names are in account_role.c */
typedef enum AccountRole
{
	ROLE_TPJ_RECEIVABLE,
	ROLE_TPJ_PAYABLE,
	ROLE_CLIENT_SETTLEMENT,
	ROLE_APEX_RECEIVABLE,
	ROLE_APEX_PAYABLE,
	ROLE_CLIENT_MEMO,
	ROLE_PROVIDER_PAYABLE,
	ROLE_PROVIDER_RECEIVABLE,
	ROLE_PROVIDER_COIN_RECEIVABLE,
	ROLE_PROVIDER_COIN_PAYABLE,
	ROLE_REVENUE_MARKUP,
	ROLE_REVENUE_TRADE_FEE,
	ROLE_REVENUE_SHARE,
	ROLE_CORP_DUE_TO_CUST,
	ROLE_CORP_DUE_FROM_CUST,
	ROLE_CUST_DUE_TO_CORP,
	ROLE_CUST_DUE_FROM_CORP,
	ROLE_COIN,
	ROLE_COIN_ENCUMBERED,
	ROLE_SETTLED_CASH,
	ROLE_FBO_DUE_TO_CORP,
	ROLE_CORP_DUE_FROM_FBO,
	ROLE_COUNT
} AccountRole;

typedef struct SlotKey
{
	int32		client_id;
	int32		role;
	int64		party;			/* customer_id or provider_id or 0 */
	asset_code	asset;
} SlotKey;

/* One account of a template */
typedef struct AccountSlot
{
	SlotKey		key;			/* hash key */
	account_id	account;		/* 0 until it has been loaded */
	bool		wanted;			/* in the list of slots to load */
	bool		create;			/* open the account if there is none */
	char		party_code[PARTY_CODE_SIZE];	/* last part of the name, empty if none */
} AccountSlot;

/* Take note of changes by others; forget everything if there were any. */
extern void account_roles_begin(void);
/* The party's code is not terminated, and empty for a role that names nobody. */
extern AccountSlot *account_want(AccountRole role, int32 client_id, int64 party,
								 const char *party_code, int party_code_length,
								 asset_code asset, bool create);
/* Load the wanted accounts, opening those marked `create`. */
extern void accounts_load(void);

#endif							/* BAKKT_LEDGER_ACCOUNT_ROLE_H */
