/*-------------------------------------------------------------------------
 *
 * reference.c
 *	  Idempotency: find what a reference has led to before.
 *
 * The look-up uses a dirty snapshot, so that an uncommitted use by another
 * session is waited for instead of missed.  It runs after the account locks:
 * the same request from two sessions has met on those already.  What remains
 * is caught by the unique index and reported as 40001.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/detoast.h"
#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "ledger/facts.h"
#include "ledger/lock_class.h"
#include "ledger/lookup.h"
#include "ledger/reference.h"
#include "ledger/relations.h"

/* More references than this in one call are locked as their whole client */
#define MAX_REFERENCE_LOCKS 64

/* Where a table keeps what a request said; attribute numbers from 1 */
typedef struct RequestColumns
{
	AttrNumber	kind,
				effective_at,
				reverses,
				entry,
				terms,
				description;
} RequestColumns;

static const RequestColumns journal_columns = {
	.kind = 8,.effective_at = 5,.reverses = 7,.entry = 10,.terms = 11,.description = 12
};
static const RequestColumns rejection_columns = {
	.kind = 7,.effective_at = 5,.reverses = 6,.entry = 14,.terms = 15,.description = 16
};

typedef struct ReferenceIndex
{
	Relation	relation;
	Relation	index;
	IndexScanDesc scan;
	TupleTableSlot *slot;
} ReferenceIndex;

struct ReferenceFinder
{
	SnapshotData dirty;
	ReferenceIndex journal;
	ReferenceIndex rejection;
};

#define KIND_BIT(kind) (1u << (kind))

/* A form of reference that the ledger makes, and the kinds of journal that it makes it for */
typedef struct ReservedReference
{
	const char *word;			/* what it begins with */
	const char *suffix;			/* what it ends with */
	bool		numbered;		/* a digit follows the word */
	uint32		kinds;
} ReservedReference;

/* All of them: a file that makes references of its own has its word here. */
static const ReservedReference reserved_references[] = {
	{.word = "apex:",.kinds = KIND_BIT(KIND_APEX_WIRE)},
	{.word = "bank-transfer:",.kinds = KIND_BIT(KIND_FBO_TRANSFER)},
	{.word = "cash-call:",.kinds = KIND_BIT(KIND_CASH_CALL) | KIND_BIT(KIND_TRANSFER)},
	{.word = "customer-move:",.kinds = KIND_BIT(KIND_TRANSFER)},
	{.word = "deficit:",.kinds = KIND_BIT(KIND_TRANSFER) | KIND_BIT(KIND_DEFICIT_WRITE_OFF)},
	{.word = "fbo-transfer:",.kinds = KIND_BIT(KIND_FBO_TRANSFER)},
	{.word = "funding:",.kinds = KIND_BIT(KIND_CASH_DEPOSIT) | KIND_BIT(KIND_CASH_WITHDRAWAL) | KIND_BIT(KIND_FEE) |
	KIND_BIT(KIND_CASH_RETURN) | KIND_BIT(KIND_CASH_RECOVERY)},
	{.word = "manual:",.kinds = KIND_BIT(KIND_MANUAL) | KIND_BIT(KIND_REVERSAL)},
	{.word = "provider-transfer:",.kinds = KIND_BIT(KIND_PROVIDER_SETTLEMENT) | KIND_BIT(KIND_SETTLEMENT_WIRE)},
	{.word = "recovery:",.kinds = KIND_BIT(KIND_CASH_RECOVERY)},
	{.word = "revenue-share:",.kinds = KIND_BIT(KIND_REVENUE_SHARE)},
	{.word = "settlement:W",.numbered = true,.kinds = KIND_BIT(KIND_NOVATION)},
	{.word = "share-payout:",.kinds = KIND_BIT(KIND_SHARE_PAYOUT)},
	{.word = "take-back:",.kinds = KIND_BIT(KIND_TRADE_BUST) | KIND_BIT(KIND_REVERSAL)},
	{.word = "top-up:",.kinds = KIND_BIT(KIND_FBO_TRANSFER)},
	{.word = "write-off:",.kinds = KIND_BIT(KIND_CASH_WRITE_OFF)},
	{.suffix = "/bust",.kinds = KIND_BIT(KIND_TRADE_BUST)},
};

static bool
has_form(const char *reference, const ReservedReference *form)
{
	size_t		length = strlen(reference);

	if (form->suffix)
		return length >= strlen(form->suffix) && strcmp(reference + length - strlen(form->suffix), form->suffix) == 0;
	return strncmp(reference, form->word, strlen(form->word)) == 0 &&
		(!form->numbered || isdigit((unsigned char) reference[strlen(form->word)]));
}

static const ReservedReference *
reserved_form(const char *reference)
{
	for (int i = 0; i < lengthof(reserved_references); i++)
		if (has_form(reference, &reserved_references[i]))
			return &reserved_references[i];
	return NULL;
}

bool
reference_is_reserved(const LedgerRequest *request)
{
	const ReservedReference *form = reserved_form(request->reference);

	return form != NULL && !(request->internal && (form->kinds & KIND_BIT(request->kind)));
}

PG_FUNCTION_INFO_V1(is_reserved_reference);
Datum
is_reserved_reference(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(reserved_form(text_to_cstring(PG_GETARG_TEXT_PP(0))) != NULL);
}

/* Lock one number of our class until the transaction ends. */
static void
lock_number(uint64 number, LOCKMODE mode)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (number >> 32), (uint32) number, LOCK_CLASS_REFERENCE);
	(void) LockAcquire(&tag, mode, false, false);
}

static int
compare_numbers(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/* Lock each number once, in order. */
static void
lock_numbers(uint64 *numbers, int count, LOCKMODE mode)
{
	qsort(numbers, count, sizeof(uint64), compare_numbers);
	for (int i = 0; i < count; i++)
		if (i == 0 || numbers[i] != numbers[i - 1])
			lock_number(numbers[i], mode);
}

void
reference_lock(LedgerRequest *requests, const bool *wanted, int count)
{
	uint64	   *clients = palloc(count * sizeof(uint64));
	uint64	   *references = palloc(count * sizeof(uint64));
	int			used = 0;

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!wanted[i] || requests[i].client_id == 0 || requests[i].reference == NULL)
			continue;
		clients[used] = (uint32) requests[i].client_id;
		references[used] = hash_bytes_extended((const unsigned char *) requests[i].reference,
											   strlen(requests[i].reference), requests[i].client_id) | (UINT64CONST(1) << 63);
		used++;
	}
	/* few: share the client, own the references; many: own the client */
	lock_numbers(clients, used, used > MAX_REFERENCE_LOCKS ? ExclusiveLock : ShareLock);
	if (used <= MAX_REFERENCE_LOCKS)
		lock_numbers(references, used, ExclusiveLock);
	pfree(clients);
	pfree(references);
}

static void
open_index(ReferenceIndex *index, LedgerRelation relation, LedgerRelation key, Snapshot snapshot)
{
	index->relation = table_open(ledger_relation(relation), AccessShareLock);
	index->index = index_open(ledger_relation(key), AccessShareLock);
	index->slot = table_slot_create(index->relation, NULL);
#if PG_VERSION_NUM >= 180000
	index->scan = index_beginscan(index->relation, index->index, snapshot, NULL, 2, 0);
#else
	index->scan = index_beginscan(index->relation, index->index, snapshot, 2, 0);
#endif
}

static void
close_index(ReferenceIndex *index)
{
	index_endscan(index->scan);
	ExecDropSingleTupleTableSlot(index->slot);
	index_close(index->index, NoLock);
	table_close(index->relation, NoLock);
}

ReferenceFinder *
reference_finder_open(void)
{
	ReferenceFinder *finder = palloc(sizeof(ReferenceFinder));

	InitDirtySnapshot(finder->dirty);
	open_index(&finder->journal, LEDGER_JOURNAL, LEDGER_JOURNAL_REFERENCE_KEY, &finder->dirty);
	open_index(&finder->rejection, LEDGER_REJECTION, LEDGER_REJECTION_KEY, &finder->dirty);
	return finder;
}

void
reference_finder_close(ReferenceFinder *finder)
{
	close_index(&finder->journal);
	close_index(&finder->rejection);
	pfree(finder);
}

/*
 * A row that this transaction's snapshot must not see cannot be replayed:
 * under REPEATABLE READ and above the transaction has to be retried.
 */
static void
check_visible(const ReferenceIndex *index)
{
	if (IsolationUsesXactSnapshot() &&
		!table_tuple_satisfies_snapshot(index->relation, index->slot, GetTransactionSnapshot()))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent use of a reference"),
				 errhint("Retry the transaction.")));
}

/* Find the row of a reference, waiting for a transaction that is writing it. */
static bool
find_reference(ReferenceIndex *index, SnapshotData *dirty, int32 client_id, Datum reference)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(client_id));
	ScanKeyEntryInitialize(&keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ, reference);
	for (;;)
	{
		TransactionId writer;

		CHECK_FOR_INTERRUPTS();
		index_rescan(index->scan, keys, 2, NULL, 0);
		if (!index_getnext_slot(index->scan, ForwardScanDirection, index->slot))
			return false;
		writer = TransactionIdIsValid(dirty->xmin) ? dirty->xmin : dirty->xmax;
		if (!TransactionIdIsValid(writer))
			break;
		ExecClearTuple(index->slot);
		XactLockTableWait(writer, NULL, NULL, XLTW_None);
	}
	check_visible(index);
	return true;
}

/* Same bytes, or both absent? */
static bool
same_value(bool isnull, Datum stored, const struct varlena *given)
{
	struct varlena *value;
	bool		same;

	if (isnull || given == NULL)
		return isnull && given == NULL;
	/* by length first: many small requests may come under the reference of a large one */
	if (toast_raw_datum_size(stored) - VARHDRSZ != VARSIZE_ANY_EXHDR(given))
		return false;
	value = PG_DETOAST_DATUM_PACKED(stored);
	same = memcmp(VARDATA_ANY(value), VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given)) == 0;
	if ((Pointer) value != DatumGetPointer(stored))
		pfree(value);
	return same;
}

/* The name of the field in which the terms differ, NULL if they agree. */
static const char *
terms_difference(bool isnull, Datum stored, const struct varlena *given, const PostOptions *options)
{
	if (same_value(isnull, stored, given))
		return NULL;
	if (isnull || given == NULL || options->terms_difference == NULL)
		return "terms";
	return options->terms_difference(PG_DETOAST_DATUM_PACKED(stored), given);
}

/* what the caller of this kind of request calls its effective time */
static const char *
time_field(const LedgerRequest *request)
{
	return request->terms ? "executed_at" : "at";
}

/*
 * The name of the first field in which a request differs from what is stored
 * under its reference, NULL if they say the same.
 */
static const char *
content_difference(TupleTableSlot *slot, const RequestColumns *columns,
				   const LedgerRequest *request, const PostOptions *options)
{
	bool		isnull;
	Datum		value;
	const char *field;

	if (DatumGetInt16(slot_getattr(slot, columns->kind, &isnull)) != request->kind)
		return "kind";
	value = slot_getattr(slot, columns->terms, &isnull);
	field = terms_difference(isnull, value, request->terms, options);
	if (field)
		return field;
	value = slot_getattr(slot, columns->entry, &isnull);
	/* a request that is its terms may have been refused before it had an entry */
	if (!same_value(isnull, value, request->entry) && request->terms == NULL)
		return "entry";
	value = slot_getattr(slot, columns->effective_at, &isnull);
	if (request->effective_given && (isnull || DatumGetTimestampTz(value) != request->effective_at))
		return time_field(request);
	value = slot_getattr(slot, columns->reverses, &isnull);
	if ((isnull ? 0 : DatumGetInt64(value)) != request->reverses)
		return "reverses";
	value = slot_getattr(slot, columns->description, &isnull);
	if (isnull != (request->description == NULL) ||
		(!isnull && strcmp(TextDatumGetCString(value), request->description) != 0))
		return "description";
	return NULL;
}

static void
refuse_conflict(LedgerRequest *request, const char *field, const char *first)
{
	refuse(request, ERRCODE_LG_REFERENCE_CONFLICT,
		   "Send the original content to get the original outcome, or use a new reference.",
		   psprintf("Field \"%s\" differs from the %s under this reference.", field, first),
		   "reference \"%s\" was used before with different content", request->reference);
	request->refusal.facts = facts_of_name("field", field);
}

/* A copy of a stored value in the current memory context, NULL if null. */
static struct varlena *
copy_value(TupleTableSlot *slot, AttrNumber attribute)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, attribute, &isnull);

	return isnull ? NULL : (struct varlena *) PG_DETOAST_DATUM_COPY(value);
}

static void
replay_journal(TupleTableSlot *slot, LedgerRequest *request, const PostOptions *options)
{
	bool		isnull;
	const char *field = content_difference(slot, &journal_columns, request, options);

	if (field)
	{
		refuse_conflict(request, field, "journal posted");
		return;
	}
	memset(&request->refusal, 0, sizeof(Refusal));
	request->replayed = true;
	request->journal_id = DatumGetInt64(slot_getattr(slot, 3, &isnull));
	request->recorded_at = DatumGetTimestampTz(slot_getattr(slot, 4, &isnull));
	request->entry = (JournalEntry *) copy_value(slot, journal_columns.entry);
	request->terms = copy_value(slot, journal_columns.terms);
}

static char *
copy_text(TupleTableSlot *slot, AttrNumber attribute)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, attribute, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static char *
copy_json(TupleTableSlot *slot, AttrNumber attribute)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, attribute, &isnull);
	Jsonb	   *document = isnull ? NULL : DatumGetJsonbP(value);

	return document ? JsonbToCString(NULL, &document->root, VARSIZE(document)) : NULL;
}

static void
replay_rejection(TupleTableSlot *slot, LedgerRequest *request, const PostOptions *options)
{
	bool		isnull;
	const char *code;
	const char *field = content_difference(slot, &rejection_columns, request, options);

	if (field)
	{
		refuse_conflict(request, field, "request refused");
		return;
	}
	code = copy_text(slot, 9);
	request->replayed = true;
	request->recorded_at = DatumGetTimestampTz(slot_getattr(slot, 4, &isnull));
	request->refusal.sqlstate = MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
	request->refusal.message = copy_text(slot, 10);
	request->refusal.detail = copy_text(slot, 11);
	request->refusal.hint = copy_text(slot, 12);
	request->refusal.facts = copy_json(slot, 13);
}

bool
reference_replay(ReferenceFinder *finder, LedgerRequest *request, const PostOptions *options)
{
	Datum		reference = CStringGetTextDatum(request->reference);

	if (find_reference(&finder->journal, &finder->dirty, request->client_id, reference))
	{
		replay_journal(finder->journal.slot, request, options);
		return true;
	}
	if (find_reference(&finder->rejection, &finder->dirty, request->client_id, reference))
	{
		replay_rejection(finder->rejection.slot, request, options);
		return true;
	}
	return false;
}

/* The name of the first field in which two requests of one batch differ. */
static const char *
request_difference(const LedgerRequest *earlier, const LedgerRequest *later, const PostOptions *options)
{
	const char *field;

	if (earlier->kind != later->kind)
		return "kind";
	field = terms_difference(earlier->terms == NULL, PointerGetDatum(earlier->terms), later->terms, options);
	if (field)
		return field;
	if (later->terms == NULL && !same_value(earlier->entry == NULL, PointerGetDatum(earlier->entry), later->entry))
		return "entry";
	if (later->effective_given && later->effective_at != earlier->effective_at)
		return time_field(later);
	if (earlier->reverses != later->reverses)
		return "reverses";
	if ((earlier->description == NULL) != (later->description == NULL) ||
		(earlier->description && strcmp(earlier->description, later->description) != 0))
		return "description";
	return NULL;
}

void
reference_replay_within(LedgerRequest *request, const LedgerRequest *earlier, const PostOptions *options)
{
	const char *field = request_difference(earlier, request, options);

	if (field)
	{
		refuse_conflict(request, field, "earlier request of this batch");
		return;
	}
	request->refusal = earlier->refusal;
	request->replayed = true;
	request->journal_id = earlier->journal_id;
	request->recorded_at = earlier->recorded_at;
	request->terms = earlier->terms;
}
