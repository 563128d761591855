/*-------------------------------------------------------------------------
 *
 * resolve.c
 *	  Phase one of posting: what the requests touch, locked.
 *
 * Order of locks, the same in every call: originals of reversals, limited
 * accounts by (client, account), references.  Hence two calls never deadlock
 * on each other, unless they give the same references to different requests;
 * that, and two transactions of several calls, can (40P01, retry).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "ledger/batch.h"
#include "ledger/reference.h"

#define REFERENCE_MAX_LENGTH 200

/* Hash table from (client, account) to the index of its AccountState */
typedef struct AccountSlot
{
	account_id	account;
	int32		client_id;
	int			index;
	uint32		status;
} AccountSlot;

typedef struct AccountKey
{
	account_id	account;
	int32		client_id;
} AccountKey;

#define SH_PREFIX account_table
#define SH_ELEMENT_TYPE AccountSlot
#define SH_KEY_TYPE account_id
#define SH_KEY account
#define SH_HASH_KEY(table, key) murmurhash32((uint32) (key) ^ (uint32) ((key) >> 32))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/* Is the request well formed?  If not it is refused and has no lines. */
static void
check_shape(LedgerRequest *request)
{
	if (request->reference == NULL || request->reference[0] == '\0' ||
		strlen(request->reference) > REFERENCE_MAX_LENGTH)
	{
		refuse(request, ERRCODE_LG_INVALID_REQUEST, "Give a reference of 1 to 200 bytes.", NULL,
			   "a request needs a reference");
		request->reference = NULL;
	}
	else if (reference_is_reserved(request))
	{
		refuse(request, ERRCODE_LG_INVALID_REQUEST, "Let references of your own begin otherwise.",
			   psprintf("Reference \"%s\".", request->reference), "references of this form are made by the ledger itself");
		request->reference = NULL;
	}
	if (request->lines == NULL && request->entry != NULL)
		request->line_count = entry_unpack(request->entry, &request->lines);
	if (is_refused(request))
		return;
	if (request->line_count == 0)
		refuse(request, ERRCODE_LG_INVALID_REQUEST, "Give an entry of at least two lines.", NULL,
			   "a request needs an entry");
	else if (request->entry == NULL)
		request->entry = entry_pack(request->lines, request->line_count);
}

/* Index of the account's state, made on first sight. */
static int
account_index(PostingBatch *batch, account_table_hash *table, int32 client_id, account_id account)
{
	bool		found;
	AccountSlot *slot = account_table_insert(table, account, &found);
	AccountState *state;

	if (found && slot->client_id == client_id)
		return slot->index;
	/* the same account named by another client: foreign to one of them, rare */
	if (found)
		for (int i = 0; i < batch->account_count; i++)
			if (batch->accounts[i].account == account && batch->accounts[i].client_id == client_id)
				return i;
	state = &batch->accounts[batch->account_count];
	state->client_id = client_id;
	state->account = account;
	state->touched_by = -1;
	if (!found)
	{
		slot->client_id = client_id;
		slot->index = batch->account_count;
	}
	return batch->account_count++;
}

/* Gather the accounts of all lines. */
static void
gather_accounts(PostingBatch *batch)
{
	account_table_hash *table;
	int64		lines = 0;

	for (int i = 0; i < batch->count; i++)
		lines += batch->requests[i].line_count;
	batch->accounts = MemoryContextAllocExtended(CurrentMemoryContext, (lines + 1) * sizeof(AccountState),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	table = account_table_create(CurrentMemoryContext, 64, NULL);
	for (int i = 0; i < batch->count; i++)
	{
		LedgerRequest *request = &batch->requests[i];
		RequestState *state = &batch->states[i];

		state->accounts = palloc((request->line_count + 1) * sizeof(int));
		for (int line = 0; line < request->line_count; line++)
			state->accounts[line] = account_index(batch, table, request->client_id, request->lines[line].account);
	}
	account_table_destroy(table);
}

/* Orders pointers to AccountState by (client, account): the lock order. */
static int
compare_accounts(const void *a, const void *b)
{
	const AccountState *x = *(AccountState *const *) a;
	const AccountState *y = *(AccountState *const *) b;

	if (x->client_id != y->client_id)
		return x->client_id < y->client_id ? -1 : 1;
	return (x->account > y->account) - (x->account < y->account);
}

/* Take a cached house account into the state. */
static bool
take_house_account(AccountState *state)
{
	HouseAccount *house = lookup_house_account(state->account);

	if (house == NULL)
		return false;
	state->house = *house;
	state->owner_id = house->client_id;
	return true;
}

/*
 * Lock what has a balance row, in order; return what neither has one nor is
 * a cached house account.
 */
static int
lock_accounts(PostingBatch *batch, AccountState **unknown)
{
	AccountState **wanted = palloc((batch->account_count + 1) * sizeof(AccountState *));
	BalanceLocker *locker;
	int			wanted_count = 0;
	int			unknown_count = 0;

	for (int i = 0; i < batch->account_count; i++)
		if (!take_house_account(&batch->accounts[i]))
			wanted[wanted_count++] = &batch->accounts[i];
	if (wanted_count == 0)
		return 0;
	qsort(wanted, wanted_count, sizeof(AccountState *), compare_accounts);
	locker = balance_locker_open();
	for (int i = 0; i < wanted_count; i++)
	{
		AccountState *state = wanted[i];

		if (balance_lock(locker, state->client_id, state->account, &state->balance))
		{
			state->limited = true;
			state->owner_id = state->client_id;
			if (state->balance.customer_id == 0)
				state->limited_mirror = lookup_limited_mirror(state->client_id, state->account);
		}
		else
			unknown[unknown_count++] = state;
	}
	balance_locker_close(locker);
	return unknown_count;
}

/* A limited account whose balance row our snapshot does not show: no refusal to be kept, another try finds it. */
static void
refuse_young_account(account_id account)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent opening of an account"),
			 errdetail("Account %s was opened after this transaction's snapshot.", account_text(account)),
			 errhint("Retry the transaction.")));
}

/* Load house accounts not cached yet; what is left belongs to others or nobody. */
static void
load_accounts(AccountState **unknown, int count)
{
	int32	   *clients = palloc(count * sizeof(int32));
	account_id *accounts = palloc(count * sizeof(account_id));

	for (int i = 0; i < count; i++)
	{
		clients[i] = unknown[i]->client_id;
		accounts[i] = unknown[i]->account;
	}
	lookup_load_house_accounts(clients, accounts, count);
	for (int i = 0; i < count; i++)
	{
		if (take_house_account(unknown[i]))
			continue;
		unknown[i]->owner_id = lookup_account_client(unknown[i]->account);
		if (unknown[i]->owner_id == unknown[i]->client_id && unknown[i]->client_id != 0)
			refuse_young_account(unknown[i]->account);
	}
}

/* Does the outcome hang on a locked account?  If so its lock serialises the reference. */
static bool
touches_limited(const PostingBatch *batch, int i)
{
	for (int line = 0; line < batch->requests[i].line_count; line++)
		if (batch->accounts[batch->states[i].accounts[line]].limited)
			return true;
	return false;
}

/* Serialise, then replay, the references used before. */
static void
replay_references(PostingBatch *batch)
{
	ReferenceFinder *finder;
	bool	   *wanted = palloc(batch->count * sizeof(bool));

	for (int i = 0; i < batch->count; i++)
		wanted[i] = !touches_limited(batch, i);
	reference_lock(batch->requests, wanted, batch->count);
	finder = reference_finder_open();
	for (int i = 0; i < batch->count; i++)
	{
		LedgerRequest *request = &batch->requests[i];
		MemoryContext old = MemoryContextSwitchTo(batch->result_context);

		if (request->client_id != 0 && request->reference != NULL)
			batch->states[i].settled = reference_replay(finder, request, batch->options);
		MemoryContextSwitchTo(old);
	}
	reference_finder_close(finder);
}

/* Orders requests by (client, reference), then place. */
static int
compare_references(const void *a, const void *b, void *argument)
{
	const LedgerRequest *requests = argument;
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	int			result;

	if (requests[i].client_id != requests[j].client_id)
		return requests[i].client_id < requests[j].client_id ? -1 : 1;
	if (requests[i].reference == NULL || requests[j].reference == NULL)
		return requests[i].reference == requests[j].reference ? i - j : (requests[i].reference == NULL ? -1 : 1);
	result = strcmp(requests[i].reference, requests[j].reference);
	return result != 0 ? result : i - j;
}

/* Find references that occur twice in the batch. */
static void
find_duplicates(PostingBatch *batch)
{
	int		   *order = palloc(batch->count * sizeof(int));

	for (int i = 0; i < batch->count; i++)
	{
		order[i] = i;
		batch->states[i].duplicate_of = -1;
		batch->states[i].replayed_from = -1;
	}
	qsort_arg(order, batch->count, sizeof(int), compare_references, batch->requests);
	for (int i = 1; i < batch->count; i++)
	{
		LedgerRequest *this = &batch->requests[order[i]];
		LedgerRequest *before = &batch->requests[order[i - 1]];

		if (this->reference && before->reference && this->client_id == before->client_id &&
			strcmp(this->reference, before->reference) == 0)
			batch->states[order[i]].duplicate_of = order[i - 1];
	}
	pfree(order);
}

/* The reversal state of a request, shared by all that reverse the same journal. */
static Reversal *
shared_reversal(PostingBatch *batch, int i)
{
	LedgerRequest *request = &batch->requests[i];

	for (int j = 0; j < i; j++)
	{
		Reversal   *known = batch->states[j].reversal;

		if (known && known->client_id == request->client_id && known->journal_id == request->reverses)
			return known;
	}
	return reversal_load(request->client_id, request->reverses);
}

/* Lock and read the originals; busts come in small numbers, so in the order given. */
static void
load_reversals(PostingBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
		if (batch->requests[i].reverses != 0 && !is_refused(&batch->requests[i]))
			batch->states[i].reversal = shared_reversal(batch, i);
}

/* Refuse what comes for a closed client; raise what comes without access. */
static void
check_clients(PostingBatch *batch)
{
	int32		checked = 0;

	for (int i = 0; i < batch->count; i++)
	{
		LedgerRequest *request = &batch->requests[i];
		ClientInfo *client;

		if (request->client_id == 0)
			continue;
		if (request->client_id != checked)
			lookup_check_access(request->client_id);
		checked = request->client_id;
		client = lookup_client(request->client_id);
		if (is_refused(request))
			continue;
		if (client == NULL)
			refuse(request, ERRCODE_LG_UNKNOWN_CLIENT, "Open the client first.", NULL, "unknown client");
		else if (client->closed)
			refuse(request, ERRCODE_LG_CLIENT_CLOSED, "A closed client takes no postings.", NULL,
				   "client \"%s\" is closed", client->code);
	}
}

void
batch_resolve(PostingBatch *batch)
{
	AccountState **unknown;
	int			unknown_count;

	for (int i = 0; i < batch->count; i++)
		check_shape(&batch->requests[i]);
	check_clients(batch);
	find_duplicates(batch);
	load_reversals(batch);
	gather_accounts(batch);
	unknown = palloc((batch->account_count + 1) * sizeof(AccountState *));
	unknown_count = lock_accounts(batch, unknown);
	if (unknown_count > 0)
		load_accounts(unknown, unknown_count);
	replay_references(batch);
	batch->now = GetCurrentTimestamp();
}
