/*-------------------------------------------------------------------------
 *
 * account_role.c
 *	  The names of the accounts that templates post to, and a session's cache
 *	  of the accounts themselves.
 *
 * An account that is missing is opened here if the template wants it open.
 * Every query names its functions with their schema.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "ledger/account_role.h"
#include "ledger/key_lookup.h"
#include "ledger/session_cache.h"
#include "ledger/spi_plan.h"

/* Beyond this a session's cache is dropped and built anew: bounds its memory */
#define MAX_CACHED_SLOTS 300000

/* From this many on, missing accounts are opened by one statement */
#define OPEN_MANY 20

typedef struct RoleName
{
	const char *fund;
	const char *name;			/* %s: the client's, customer's or provider's code */
} RoleName;

static const RoleName role_names[ROLE_COUNT] = {
	[ROLE_TPJ_RECEIVABLE] = {"CORP", "TPJ:receivable:%s"},
	[ROLE_TPJ_PAYABLE] = {"CORP", "TPJ:payable:%s"},
	[ROLE_CLIENT_SETTLEMENT] = {"CORP", "Client:settlement:%s"},
	[ROLE_APEX_RECEIVABLE] = {"CORP", "Apex:receivable:%s"},
	[ROLE_APEX_PAYABLE] = {"CORP", "Apex:payable:%s"},
	[ROLE_CLIENT_MEMO] = {"CORP", "Client:memo:%s"},
	[ROLE_PROVIDER_PAYABLE] = {"CORP", "LP:payable:%s"},
	[ROLE_PROVIDER_RECEIVABLE] = {"CORP", "LP:receivable:%s"},
	[ROLE_PROVIDER_COIN_RECEIVABLE] = {"CORP", "LP:coin-receivable:%s"},
	[ROLE_PROVIDER_COIN_PAYABLE] = {"CORP", "LP:coin-payable:%s"},
	[ROLE_REVENUE_MARKUP] = {"CORP", "Revenue:markup"},
	[ROLE_REVENUE_TRADE_FEE] = {"CORP", "Revenue:trade-fee"},
	[ROLE_REVENUE_SHARE] = {"CORP", "RevShare:payable:%s"},
	[ROLE_CORP_DUE_TO_CUST] = {"CORP", "DueTo:CUST"},
	[ROLE_CORP_DUE_FROM_CUST] = {"CORP", "DueFrom:CUST"},
	[ROLE_CUST_DUE_TO_CORP] = {"CUST", "DueTo:CORP"},
	[ROLE_CUST_DUE_FROM_CORP] = {"CUST", "DueFrom:CORP"},
	[ROLE_COIN] = {"CUST", "Cust:%s"},
	[ROLE_COIN_ENCUMBERED] = {"CUST", "Cust:%s:encumbered"},
	[ROLE_SETTLED_CASH] = {"FBO", "Cust:%s:settled"},
	[ROLE_FBO_DUE_TO_CORP] = {"FBO", "DueTo:CORP"},
	[ROLE_CORP_DUE_FROM_FBO] = {"CORP", "DueFrom:FBO"},
};

/* accounts of one customer; all others are the house's */
static bool
is_customer_role(int role)
{
	return role == ROLE_TPJ_RECEIVABLE || role == ROLE_TPJ_PAYABLE ||
		role == ROLE_COIN || role == ROLE_COIN_ENCUMBERED || role == ROLE_SETTLED_CASH;
}

/* Names of accounts are made of their parties' codes. */
static SessionCache cache = {
	.name = "accounts by role",
	.watched = {LEDGER_CUSTOMER, LEDGER_CLIENT, LEDGER_PROVIDER},
	.watched_count = 3
};
static HTAB *slots = NULL;

/* what to load next, in the cache's context */
static AccountSlot **wanted = NULL;
static int	wanted_count = 0;
static int	wanted_room = 0;

void
account_roles_begin(void)
{
	if (!session_cache_is_current(&cache) || slots == NULL || hash_get_num_entries(slots) > MAX_CACHED_SLOTS)
	{
		slots = NULL;
		wanted = NULL;
		wanted_count = wanted_room = 0;
		session_cache_renew(&cache);
		slots = session_cache_table(&cache, "bakkt_ledger account slots", sizeof(SlotKey), sizeof(AccountSlot));
	}
	/* what an error left behind */
	for (int i = 0; i < wanted_count; i++)
		wanted[i]->wanted = false;
	wanted_count = 0;
}

static void
list_slot(AccountSlot *slot)
{
	wanted = session_cache_list(&cache, wanted, wanted_count, &wanted_room, sizeof(AccountSlot *));
	wanted[wanted_count++] = slot;
	slot->wanted = true;
}

AccountSlot *
account_want(AccountRole role, int32 client_id, int64 party,
			 const char *party_code, int party_code_length, asset_code asset, bool create)
{
	SlotKey		key = {client_id, role, party, asset};
	bool		found;
	AccountSlot *slot = hash_search(slots, &key, HASH_ENTER, &found);

	if (!found)
	{
		slot->account = 0;
		slot->wanted = slot->create = false;
		Assert(party_code_length < PARTY_CODE_SIZE);
		memcpy(slot->party_code, party_code, party_code_length);
		slot->party_code[party_code_length] = '\0';
	}
	if (slot->account == 0)
	{
		if (!slot->wanted)
		{
			slot->create = false;
			list_slot(slot);
		}
		slot->create |= create;
	}
	return slot;
}

/* one order for all sessions, so that two opening the same accounts never wait for each other in a ring */
static int
compare_slots(const void *a, const void *b)
{
	return memcmp(&(*(AccountSlot *const *) a)->key, &(*(AccountSlot *const *) b)->key, sizeof(SlotKey));
}

static Datum
slot_name(const AccountSlot *slot)
{
	const char *pattern = role_names[slot->key.role].name;
	const char *mark = strstr(pattern, "%s");

	if (mark == NULL)
		return CStringGetTextDatum(pattern);
	return CStringGetTextDatum(psprintf("%.*s%s%s", (int) (mark - pattern), pattern, slot->party_code, mark + 2));
}

/* column of account, by number */
#define ACCOUNT_ACCOUNT 2

static void
find_accounts(AccountSlot **list, int count)
{
	KeyLookup	lookup;

	key_lookup_open(&lookup, LEDGER_ACCOUNT, LEDGER_ACCOUNT_NAME_KEY);
	for (int i = 0; i < count; i++)
	{
		Datum		name[4] = {
			Int32GetDatum(list[i]->key.client_id),
			CStringGetTextDatum(role_names[list[i]->key.role].fund),
			slot_name(list[i]),
			AssetGetDatum(list[i]->key.asset)
		};

		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (key_lookup_find(&lookup, name))
			list[i]->account = DatumGetAccountId(slot_getattr(lookup.slot, ACCOUNT_ACCOUNT, &isnull));
	}
	key_lookup_close(&lookup);
}

static Datum
integer_array(Datum *values, int count, Oid type)
{
	if (type == INT4OID)
		return PointerGetDatum(construct_array(values, count, INT4OID, 4, true, TYPALIGN_INT));
	return PointerGetDatum(construct_array(values, count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
text_array(Datum *values, int count)
{
	return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* One statement for the accounts of a batch of new customers; those it leaves are opened one by one. */
static void
open_many(AccountSlot **list, int count)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[5] = {INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID};
	Datum		arguments[5];
	Datum	   *columns[5];

	for (int column = 0; column < 5; column++)
		columns[column] = palloc(count * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		columns[0][i] = Int32GetDatum(list[i]->key.client_id);
		columns[1][i] = CStringGetTextDatum(role_names[list[i]->key.role].fund);
		columns[2][i] = slot_name(list[i]);
		columns[3][i] = CStringGetTextDatum(asset_text(list[i]->key.asset));
		columns[4][i] = Int64GetDatum(is_customer_role(list[i]->key.role) ? list[i]->key.party : 0);
	}
	arguments[0] = integer_array(columns[0], count, INT4OID);
	for (int column = 1; column < 4; column++)
		arguments[column] = text_array(columns[column], count);
	arguments[4] = integer_array(columns[4], count, INT8OID);
	spi_plan(&plan, 5, types, "SELECT bakkt_ledger_internal.ensure_accounts($1, $2, $3, $4, $5)");
	spi_execute(plan, arguments);
}

/* rare: the first time that somebody trades an asset */
static account_id
open_account(const AccountSlot *slot)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[5] = {INT4OID, TEXTOID, TEXTOID, TEXTOID, INT8OID};
	Datum		arguments[5] = {
		Int32GetDatum(slot->key.client_id),
		CStringGetTextDatum(role_names[slot->key.role].fund),
		slot_name(slot),
		CStringGetTextDatum(asset_text(slot->key.asset)),
		Int64GetDatum(is_customer_role(slot->key.role) ? slot->key.party : 0)
	};
	bool		isnull;

	spi_plan(&plan, 5, types,
			 "SELECT bakkt_ledger_internal.await_account($1, $2, $3, $4::bakkt_ledger.asset,"
			 " CASE WHEN $5 OPERATOR(pg_catalog.<>) 0 THEN $5 END)");
	spi_execute(plan, arguments);
	return DatumGetAccountId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* The slots to open are moved to the front; returns how many. */
static int
keep_to_open(AccountSlot **list, int count)
{
	int			kept = 0;

	for (int i = 0; i < count; i++)
		if (list[i]->account == 0 && list[i]->create)
			list[kept++] = list[i];
	return kept;
}

void
accounts_load(void)
{
	int			count = wanted_count;
	AccountSlot **list;

	if (count == 0)
		return;
	list = palloc(count * sizeof(AccountSlot *));
	memcpy(list, wanted, count * sizeof(AccountSlot *));
	for (int i = 0; i < count; i++)
		list[i]->wanted = false;
	wanted_count = 0;
	qsort(list, count, sizeof(AccountSlot *), compare_slots);
	session_cache_loaded(&cache);
	find_accounts(list, count);
	count = keep_to_open(list, count);
	if (count == 0)
		return;
	SPI_connect();
	if (count >= OPEN_MANY)
	{
		open_many(list, count);
		find_accounts(list, count);
		count = keep_to_open(list, count);
	}
	for (int i = 0; i < count; i++)
		list[i]->account = open_account(list[i]);
	SPI_finish();
}
