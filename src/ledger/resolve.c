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
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "bounds.h"
#include "errors.h"
#include "ledger/batch.h"
#include "ledger/record_time.h"
#include "ledger/reference.h"

/* An account as a client names it: two clients may name the same one */
typedef struct AccountKey
{
	account_id	account;
	int32		client_id;
} AccountKey;

typedef struct AccountPlace
{
	AccountKey	key;
	int			index;
	uint32		status;
} AccountPlace;

/* Numbers of accounts are the caller's: the seed keeps him from choosing ones that collide. */
static inline uint32
hash_account(AccountKey key, uint64 seed)
{
	uint64		hash = (uint64) key.account ^ seed;

	hash = (hash ^ (hash >> 33)) * UINT64CONST(0xff51afd7ed558ccd);
	hash = (hash ^ (hash >> 33)) * UINT64CONST(0xc4ceb9fe1a85ec53);
	return hash_combine((uint32) (hash >> 32), murmurhash32((uint32) key.client_id));
}

/* A reference of the batch and the last request that has it; texts are the caller's too */
typedef struct ReferenceSlot
{
	const LedgerRequest *request;	/* the first that has it */
	int			last;
	uint32		hash;
	uint32		status;
} ReferenceSlot;

static inline uint32
hash_reference(const LedgerRequest *request, uint64 seed)
{
	return (uint32) hash_bytes_extended((const unsigned char *) request->reference, strlen(request->reference),
										seed ^ (uint32) request->client_id);
}

static inline bool
same_reference(const LedgerRequest *a, const LedgerRequest *b)
{
	return a->client_id == b->client_id && strcmp(a->reference, b->reference) == 0;
}

/* Hash table from a journal to be reversed to what is left of it */
typedef struct ReversalKey
{
	int64		journal_id;
	int64		client_id;
} ReversalKey;

typedef struct ReversalSlot
{
	ReversalKey key;
	Reversal   *reversal;
} ReversalSlot;

#define SH_PREFIX reference_table
#define SH_ELEMENT_TYPE ReferenceSlot
#define SH_KEY_TYPE const LedgerRequest *
#define SH_KEY request
#define SH_HASH_KEY(table, key) hash_reference(key, *(const uint64 *) (table)->private_data)
#define SH_EQUAL(table, a, b) same_reference(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(table, slot) (slot)->hash
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

#define SH_PREFIX account_table
#define SH_ELEMENT_TYPE AccountPlace
#define SH_KEY_TYPE AccountKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_account(key, *(const uint64 *) (table)->private_data)
#define SH_EQUAL(table, a, b) ((a).account == (b).account && (a).client_id == (b).client_id)
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
	if (is_refused(request) || request->deferred)
		return;
	if (request->line_count == 0)
		refuse(request, ERRCODE_LG_INVALID_REQUEST, "Give an entry of at least two lines.", NULL,
			   "a request needs an entry");
	else if (request->entry == NULL)
		request->entry = entry_pack(request->lines, request->line_count);
}

/* The next account state; those made before may move. */
static AccountState *
add_account(PostingBatch *batch)
{
	AccountState *state;

	if (batch->account_count == batch->account_room)
	{
		batch->account_room *= 2;
		batch->accounts = repalloc_huge(batch->accounts, batch->account_room * sizeof(AccountState));
	}
	state = &batch->accounts[batch->account_count++];
	memset(state, 0, sizeof(AccountState));
	return state;
}

/* Index of the account's state, made on first sight. */
static int
account_index(PostingBatch *batch, int32 client_id, account_id account)
{
	AccountKey	key = {.account = account,.client_id = client_id};
	bool		found;
	AccountPlace *slot = account_table_insert(batch->account_table, key, &found);
	AccountState *state;

	if (found)
		return slot->index;
	slot->index = batch->account_count;
	state = add_account(batch);
	state->client_id = client_id;
	state->account = account;
	state->touched_by = state->kept_by = -1;
	return slot->index;
}

/* Gather the accounts of all lines, each once: memory goes by accounts. */
static void
gather_accounts(PostingBatch *batch)
{
	batch->account_room = 64;
	batch->accounts = palloc(batch->account_room * sizeof(AccountState));
	batch->account_table = account_table_create(CurrentMemoryContext, 64, &batch->hash_seed);
	for (int i = 0; i < batch->count; i++)
	{
		LedgerRequest *request = &batch->requests[i];
		RequestState *state = &batch->states[i];

		state->accounts = palloc((request->line_count + 1) * sizeof(int));
		for (int line = 0; line < request->line_count; line++)
		{
			CHECK_FOR_INTERRUPTS();
			state->accounts[line] = account_index(batch, request->client_id, request->lines[line].account);
		}
	}
}

void
batch_find_accounts(PostingBatch *batch, int i)
{
	LedgerRequest *request = &batch->requests[i];
	RequestState *state = &batch->states[i];

	pfree(state->accounts);
	state->accounts = palloc((request->line_count + 1) * sizeof(int));
	for (int line = 0; line < request->line_count; line++)
	{
		AccountKey	key = {.account = request->lines[line].account,.client_id = request->client_id};
		AccountPlace *slot = account_table_lookup(batch->account_table, key);

		if (slot == NULL)
			elog(ERROR, "a deferred request has a line on an account that it did not name");
		state->accounts[line] = slot->index;
	}
}

/* Orders pointers to AccountState by (client, account): the lock order. */
static int
compare_accounts(const void *a, const void *b)
{
	const AccountState *x = *(AccountState *const *) a;
	const AccountState *y = *(AccountState *const *) b;

	CHECK_FOR_INTERRUPTS();
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
		CHECK_FOR_INTERRUPTS();
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
	CHECK_FOR_INTERRUPTS();
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

/* Find references that occur twice in the batch: each request points to the one before it. */
static void
find_duplicates(PostingBatch *batch)
{
	reference_table_hash *table = reference_table_create(CurrentMemoryContext, batch->count, &batch->hash_seed);

	for (int i = 0; i < batch->count; i++)
	{
		RequestState *state = &batch->states[i];
		ReferenceSlot *slot;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		state->duplicate_of = state->replayed_from = -1;
		if (batch->requests[i].reference == NULL)
			continue;
		slot = reference_table_insert(table, &batch->requests[i], &found);
		if (found)
			state->duplicate_of = slot->last;
		slot->last = i;
	}
	reference_table_destroy(table);
}

/* The reversal state of a request, shared by all that reverse the same journal. */
static Reversal *
shared_reversal(HTAB *reversals, const LedgerRequest *request)
{
	ReversalKey key = {.journal_id = request->reverses,.client_id = request->client_id};
	bool		found;
	ReversalSlot *slot = hash_search(reversals, &key, HASH_ENTER, &found);

	if (!found)
		slot->reversal = reversal_load(request->client_id, request->reverses);
	return slot->reversal;
}

/* Lock and read the originals; busts come in small numbers, so in the order given. */
static void
load_reversals(PostingBatch *batch)
{
	HASHCTL		control = {.keysize = sizeof(ReversalKey),.entrysize = sizeof(ReversalSlot),.hcxt = CurrentMemoryContext};
	HTAB	   *reversals = NULL;

	for (int i = 0; i < batch->count; i++)
	{
		const LedgerRequest *request = &batch->requests[i];

		if (request->reverses == 0 || is_refused(request))
			continue;
		CHECK_FOR_INTERRUPTS();
		if (reversals == NULL)
			reversals = hash_create("bakkt_ledger reversals", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		batch->states[i].reversal = shared_reversal(reversals, request);
	}
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
		CHECK_FOR_INTERRUPTS();
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
	int64		lines = 0;

	batch->hash_seed = pg_prng_uint64(&pg_global_prng_state);
	for (int i = 0; i < batch->count; i++)
		count_lines(&lines, &batch->requests[i], i + 1);
	for (int i = 0; i < batch->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_shape(&batch->requests[i]);
	}
	check_clients(batch);
	find_duplicates(batch);
	load_reversals(batch);
	gather_accounts(batch);
	unknown = palloc((batch->account_count + 1) * sizeof(AccountState *));
	unknown_count = lock_accounts(batch, unknown);
	if (unknown_count > 0)
		load_accounts(unknown, unknown_count);
	replay_references(batch);
	batch->now = record_time();
}
