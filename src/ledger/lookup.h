/*-------------------------------------------------------------------------
 *
 * lookup.h
 *	  What posting must know of house accounts, assets, clients and actors,
 *	  cached per session.
 *
 * Limited accounts are not cached: their balance row tells all, under its
 * lock, but for what their kind says and no change can touch.  A change of status of a house account waits for every posting in
 * flight (it locks the journal) and then makes all sessions start afresh.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_LOOKUP_H
#define BAKKT_LEDGER_LOOKUP_H

#include "types/journal_entry.h"

/* account.status and balance.status in one letter */
#define STATUS_OPEN 'O'
#define STATUS_DEBIT_FROZEN 'D'
#define STATUS_CREDIT_FROZEN 'C'
#define STATUS_CLOSED 'X'

/* room for a name of trading_status */
#define TRADING_STATUS_SIZE 16

typedef struct HouseAccount
{
	account_id	account;		/* hash key */
	int32		client_id;
	asset_code	asset;
	int64		customer_id;	/* 0 if nobody's */
	int			mirror;			/* accounts with one number net to zero in a journal (I7); 0: none */
	bool		alone;			/* one person may post to it by hand */
	char		status;
} HouseAccount;

typedef struct AssetInfo
{
	asset_code	asset;			/* hash key */
	int			scale;
	char		status[TRADING_STATUS_SIZE];
	bool		may_buy;		/* new claims may arise in it */
	bool		retired;		/* nothing is posted in it */
} AssetInfo;

typedef struct ClientInfo
{
	int32		client_id;		/* hash key */
	char		code[16];
	bool		closed;
	TimestampTz books_closed_until; /* the end of its last closed accounting period; -infinity: none */
} ClientInfo;

/* Start afresh if anything may have changed; once per call, after locking the journal. */
extern void lookup_begin(void);

extern HouseAccount *lookup_house_account(account_id account);
/* Load those of the accounts that are house accounts of the clients. */
extern void lookup_load_house_accounts(const int32 *clients, const account_id *accounts, int count);
/* The mirror of a limited account of the client, 0: none; few have one, and none that is a customer's. */
extern int	lookup_limited_mirror(int32 client_id, account_id account);
/* May one person post to a limited account of the client by hand? */
extern bool lookup_limited_alone(int32 client_id, account_id account);
/* The client an account belongs to; 0 if there is none, or one that the invoking role does not see: to it that is the same. */
extern int32 lookup_account_client(account_id account);

extern AssetInfo *lookup_asset(asset_code asset);	/* NULL: unknown */
extern ClientInfo *lookup_client(int32 client_id);	/* NULL: unknown */
extern int32 lookup_client_id(const char *code);	/* 0: unknown */
/* May the invoking role act for the client? */
extern bool lookup_has_access(int32 client_id);
/* Raise 42501 unless it may. */
extern void lookup_check_access(int32 client_id);
/* Number of the invoking role in table actor, entered on first use. */
extern int32 lookup_actor(void);

/* Letter of an account status; an error for anything else. */
extern char status_letter(const char *status);

/* Number of a kind of journal, 0 if there is none of that name. */
extern int	lookup_kind(const char *name);

#endif							/* BAKKT_LEDGER_LOOKUP_H */
