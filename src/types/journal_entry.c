/*-------------------------------------------------------------------------
 *
 * journal_entry.c
 *	  The type whose values balance (I1): packing, input and output.
 *
 * entry_pack_safe() is the only place where a value is made; text, binary,
 * constructors and aggregates all end there, so none can make an entry that
 * does not sum to zero per (fund, asset).
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "errors.h"
#include "types/journal_entry.h"

#define FUND_SLOTS (1 << ACCOUNT_FUND_BITS)
#define LINEAR_ASSETS 8			/* beyond these an index is built */
#define SHOWN_DIFFERENCES 4

/* What packing knows of one asset of the entry. */
typedef struct EntryAsset
{
	asset_code	code;
	int			decimals;
	units		sums[FUND_SLOTS];	/* by fund */
} EntryAsset;

typedef struct AssetTable
{
	EntryAsset	local[LINEAR_ASSETS];
	EntryAsset *items;
	uint32		count;
	uint32		capacity;
	uint32		last;			/* lines of one asset tend to follow each other */
	HTAB	   *index;			/* code -> position, once there are many */
} AssetTable;

typedef struct AssetSlot
{
	asset_code	code;
	uint32		position;
} AssetSlot;

static void
asset_table_init(AssetTable *table)
{
	table->items = table->local;
	table->count = 0;
	table->capacity = LINEAR_ASSETS;
	table->last = 0;
	table->index = NULL;
}

static void
asset_index_add(AssetTable *table, uint32 position)
{
	AssetSlot  *slot = hash_search(table->index, &table->items[position].code, HASH_ENTER, NULL);

	slot->position = position;
}

/* Make room for more assets than fit the stack, and find them by hash from now on. */
static void
asset_table_grow(AssetTable *table)
{
	Size		size = sizeof(EntryAsset) * table->capacity;

	if (table->index == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(asset_code), .entrysize = sizeof(AssetSlot), .hcxt = CurrentMemoryContext};

		table->index = hash_create("assets of a journal entry", 256, &control,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		for (uint32 i = 0; i < table->count; i++)
			asset_index_add(table, i);
		table->items = memcpy(palloc(size * 2), table->local, size);
	}
	else
		table->items = repalloc_huge(table->items, size * 2);
	table->capacity *= 2;
}

static uint32
asset_table_insert(AssetTable *table, asset_code code)
{
	uint32		position = table->count;

	if (position == table->capacity)
		asset_table_grow(table);
	memset(&table->items[position], 0, sizeof(EntryAsset));
	table->items[position].code = code;
	table->count++;
	if (table->index != NULL)
		asset_index_add(table, position);
	return position;
}

/* Position of the asset, in order of first use. */
static uint32
asset_table_find(AssetTable *table, asset_code code)
{
	if (table->last < table->count && table->items[table->last].code == code)
		return table->last;
	if (table->index != NULL)
	{
		AssetSlot  *slot = hash_search(table->index, &code, HASH_FIND, NULL);

		return table->last = slot ? slot->position : asset_table_insert(table, code);
	}
	for (uint32 i = 0; i < table->count; i++)
		if (table->items[i].code == code)
			return table->last = i;
	return table->last = asset_table_insert(table, code);
}

static void
asset_table_free(AssetTable *table)
{
	if (table->index == NULL)
		return;
	hash_destroy(table->index);
	pfree(table->items);
}

/* What can be wrong with a list of lines. */
typedef enum EntryFault
{
	ENTRY_SOUND,
	ENTRY_EMPTY,
	ENTRY_TOO_LONG,
	ENTRY_ACCOUNT,				/* a line without a valid account */
	ENTRY_RANGE,				/* a sum out of range */
	ENTRY_UNBALANCED			/* I1 */
} EntryFault;

/* Add one line to its (fund, asset). */
static EntryFault
tally_line(AssetTable *table, const EntryLine *line)
{
	uint32		position = asset_table_find(table, line->asset);	/* may move the items */
	EntryAsset *item = &table->items[position];
	units	   *sum = &item->sums[account_fund(line->account)];

	if (!account_id_is_valid(line->account))
		return ENTRY_ACCOUNT;
	if (!units_in_range(line->amount) || !units_add(*sum, line->amount, sum))
		return ENTRY_RANGE;
	while (!units_fits_decimals(line->amount, item->decimals))
		item->decimals++;
	return ENTRY_SOUND;
}

static bool
is_balanced(const AssetTable *table)
{
	for (uint32 i = 0; i < table->count; i++)
		for (int fund = 0; fund < FUND_SLOTS; fund++)
			if (table->items[i].sums[fund] != 0)
				return false;
	return true;
}

/* Check the lines; after a fault of one line, *line is the one. */
static EntryFault
tally(AssetTable *table, const EntryLine *lines, int count, const EntryLine **line)
{
	asset_table_init(table);
	if (count <= 0)
		return ENTRY_EMPTY;
	if (count > JOURNAL_ENTRY_MAX_LINES)
		return ENTRY_TOO_LONG;
	for (*line = lines; *line < lines + count; (*line)++)
	{
		EntryFault	fault = tally_line(table, *line);

		CHECK_FOR_INTERRUPTS();
		if (fault != ENTRY_SOUND)
			return fault;
	}
	return is_balanced(table) ? ENTRY_SOUND : ENTRY_UNBALANCED;
}

/* 'fund FBO: debits exceed credits by 500.00 USD; ...' */
static char *
differences_text(const AssetTable *table)
{
	StringInfoData text;
	int			shown = 0;

	initStringInfo(&text);
	for (uint32 i = 0; i < table->count; i++)
		for (int fund = 0; fund < FUND_SLOTS; fund++)
		{
			units		sum = table->items[i].sums[fund];

			if (sum == 0 || shown++ >= SHOWN_DIFFERENCES)
				continue;
			appendStringInfo(&text, "%sfund %s: %s by %s", shown > 1 ? "; " : "", fund_name((Fund) fund),
							 sum > 0 ? "debits exceed credits" : "credits exceed debits",
							 amount_text(sum > 0 ? sum : -sum, table->items[i].code));
		}
	if (shown > SHOWN_DIFFERENCES)
		appendStringInfo(&text, "; and %d more", shown - SHOWN_DIFFERENCES);
	text.data[0] = pg_toupper((unsigned char) text.data[0]);
	return text.data;
}

/* Raise a fault, or save it in the soft error context. */
static void
report_fault(EntryFault fault, const AssetTable *table, const EntryLine *line, int count, Node *escontext)
{
	switch (fault)
	{
		case ENTRY_EMPTY:
			errsave(escontext,
					(errcode(ERRCODE_LG_INVALID_REQUEST),
					 errmsg("journal entry has no lines")));
			break;
		case ENTRY_TOO_LONG:
			errsave(escontext,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a journal entry has at most %d lines", JOURNAL_ENTRY_MAX_LINES),
					 errdetail("%d or more were given.", count),
					 errhint("Post a larger one as several entries that balance, in one transaction.")));
			break;
		case ENTRY_ACCOUNT:
			errsave(escontext,
					(errcode(ERRCODE_LG_INVALID_REQUEST),
					 errmsg("journal entry has a line without a valid account")));
			break;
		case ENTRY_RANGE:
			errsave(escontext,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("sum of journal entry out of range"),
					 errdetail("Fund %s, asset %s, at account %s.", fund_name(account_fund(line->account)),
							   asset_text(line->asset), account_text(line->account))));
			break;
		case ENTRY_UNBALANCED:
			errsave(escontext,
					(errcode(ERRCODE_LG_UNBALANCED),
					 errmsg("journal entry does not balance"),
					 errdetail("%s.", differences_text(table)),
					 errhint("Debits and credits must be equal within each fund and asset.")));
			break;
		case ENTRY_SOUND:
			break;
	}
}

/* Write the checked lines in the format of journal_entry.h. */
static JournalEntry *
write_entry(AssetTable *table, const EntryLine *lines, int count)
{
	Size		size = VARHDRSZ + PACKED_HEADER_MAX_SIZE +
		(Size) table->count * PACKED_ASSET_SIZE + (Size) count * PACKED_LINE_MAX_SIZE;
	JournalEntry *entry = palloc(size);
	uint8	   *cursor = (uint8 *) VARDATA(entry);

	*cursor++ = JOURNAL_ENTRY_FORMAT;
	cursor += varint_encode(table->count, cursor);
	for (uint32 i = 0; i < table->count; i++)
		cursor = pack_asset(cursor, table->items[i].code, table->items[i].decimals);
	cursor += varint_encode(count, cursor);
	for (int i = 0; i < count; i++)
	{
		uint32		asset = asset_table_find(table, lines[i].asset);

		CHECK_FOR_INTERRUPTS();
		cursor = pack_line(cursor, &lines[i], table->count, asset, table->items[asset].decimals);
	}
	SET_VARSIZE(entry, (char *) cursor - (char *) entry);
	return entry;
}

JournalEntry *
entry_pack_safe(const EntryLine *lines, int count, Node *escontext)
{
	AssetTable	table;
	const EntryLine *line;
	EntryFault	fault = tally(&table, lines, count, &line);
	JournalEntry *entry = NULL;

	if (fault == ENTRY_SOUND)
		entry = write_entry(&table, lines, count);
	else
		report_fault(fault, &table, line, count, escontext);
	asset_table_free(&table);
	return entry;
}

JournalEntry *
entry_pack(const EntryLine *lines, int count)
{
	return entry_pack_safe(lines, count, NULL);
}

static void
report_malformed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored journal entry is malformed"),
			 errhint("Run verify() to find the journal.")));
}

void
entry_read_begin(EntryReader *reader, const JournalEntry *entry)
{
	if (!entry_reader_begin(reader, VARDATA_ANY(entry), VARSIZE_ANY_EXHDR(entry)))
		report_malformed();
}

bool
entry_read_next(EntryReader *reader, EntryLine *line)
{
	bool		found = entry_reader_next(reader, line);

	CHECK_FOR_INTERRUPTS();
	if (!found && reader->malformed)
		report_malformed();
	return found;
}

int
entry_unpack(const JournalEntry *entry, EntryLine **lines)
{
	EntryReader reader;
	int			count = 0;

	entry_read_begin(&reader, entry);
	*lines = palloc(sizeof(EntryLine) * reader.line_count);
	while (entry_read_next(&reader, &(*lines)[count]))
		count++;
	return count;
}

void
line_list_init(LineList *list, MemoryContext context)
{
	list->context = context;
	list->count = 0;
	list->capacity = 16;
	list->lines = MemoryContextAlloc(context, sizeof(EntryLine) * list->capacity);
}

void
line_list_append(LineList *list, const EntryLine *line)
{
	if (list->count == JOURNAL_ENTRY_MAX_LINES)
		report_fault(ENTRY_TOO_LONG, NULL, NULL, list->count + 1, NULL);
	if (list->count == list->capacity)
	{
		list->capacity *= 2;
		list->lines = repalloc(list->lines, sizeof(EntryLine) * list->capacity);
	}
	list->lines[list->count++] = *line;
}

/* All lines of a literal; false after a soft error. */
static bool
scan_lines(const char *literal, LineList *list, Node *escontext)
{
	EntryScan	scan;
	ScanStatus	status;
	ScannedLine scanned;
	EntryLine	line;

	entry_scan_begin(&scan, literal, strlen(literal));
	while ((status = entry_scan_next(&scan, &scanned)) == SCAN_LINE)
	{
		CHECK_FOR_INTERRUPTS();
		if (!entry_line_complete(&scanned, &line, "journal_entry", escontext))
			return false;
		line_list_append(list, &line);
	}
	return status == SCAN_END || report_scan(&scan, status, "journal_entry", escontext);
}

PG_FUNCTION_INFO_V1(journal_entry_in);
Datum
journal_entry_in(PG_FUNCTION_ARGS)
{
	LineList	list;
	JournalEntry *entry = NULL;

	line_list_init(&list, CurrentMemoryContext);
	if (scan_lines(PG_GETARG_CSTRING(0), &list, fcinfo->context))
		entry = entry_pack_safe(list.lines, list.count, fcinfo->context);
	pfree(list.lines);
	if (entry == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JOURNAL_ENTRY_P(entry);
}

PG_FUNCTION_INFO_V1(journal_entry_out);
Datum
journal_entry_out(PG_FUNCTION_ARGS)
{
	StringInfoData buffer;
	EntryReader reader;
	EntryLine	line;
	const char *separator = "";

	initStringInfo(&buffer);
	appendStringInfoChar(&buffer, '{');
	entry_read_begin(&reader, PG_GETARG_JOURNAL_ENTRY_P(0));
	while (entry_read_next(&reader, &line))
	{
		appendStringInfoString(&buffer, separator);
		append_entry_line(&buffer, &line);
		separator = "; ";
	}
	appendStringInfoChar(&buffer, '}');
	PG_RETURN_CSTRING(buffer.data);
}

/* Lines of bytes nobody has checked yet: every account and asset must be one. */
static bool
read_foreign_lines(const char *bytes, int length, LineList *list)
{
	EntryReader reader;
	EntryLine	line;

	if (!entry_reader_begin(&reader, bytes, length))
		return false;
	while (entry_reader_next(&reader, &line))
	{
		CHECK_FOR_INTERRUPTS();
		if (!account_id_is_valid(line.account) || !asset_is_valid(line.asset))
			return false;
		line_list_append(list, &line);
	}
	return !reader.malformed;
}

/*
 * Bytes from outside.  They must be what packing their own lines gives: that
 * one comparison refuses every second spelling of an entry, and packing
 * refuses what does not balance.
 */
static JournalEntry *
entry_from_bytes(const char *bytes, int length)
{
	LineList	list;
	JournalEntry *entry = NULL;

	line_list_init(&list, CurrentMemoryContext);
	if (read_foreign_lines(bytes, length, &list))
		entry = entry_pack(list.lines, list.count);
	if (entry == NULL || VARSIZE(entry) - VARHDRSZ != length || memcmp(VARDATA(entry), bytes, length) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid external \"%s\" value", "journal_entry"),
				 errdetail("The bytes are not a journal entry in its one canonical form.")));
	pfree(list.lines);
	return entry;
}

PG_FUNCTION_INFO_V1(journal_entry_recv);
Datum
journal_entry_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			length = message->len - message->cursor;

	PG_RETURN_JOURNAL_ENTRY_P(entry_from_bytes(pq_getmsgbytes(message, length), length));
}

PG_FUNCTION_INFO_V1(journal_entry_from_bytea);
Datum
journal_entry_from_bytea(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_JOURNAL_ENTRY_P(entry_from_bytes(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));
}

/* Are these the bytes that packing the lines gives? */
static bool
is_canonical(const JournalEntry *entry, AssetTable *table, const LineList *list)
{
	JournalEntry *packed = write_entry(table, list->lines, list->count);
	bool		same = VARSIZE_ANY_EXHDR(packed) == VARSIZE_ANY_EXHDR(entry) &&
		memcmp(VARDATA_ANY(packed), VARDATA_ANY(entry), VARSIZE_ANY_EXHDR(entry)) == 0;

	pfree(packed);
	return same;
}

/* What is wrong with an entry that somebody changed behind the type's back; NULL if nothing is. */
static const char *
entry_problem(const JournalEntry *entry)
{
	LineList	list;
	AssetTable	table;
	const EntryLine *line;
	EntryFault	fault;
	const char *problem = NULL;

	line_list_init(&list, CurrentMemoryContext);
	if (!read_foreign_lines(VARDATA_ANY(entry), VARSIZE_ANY_EXHDR(entry), &list))
		return "malformed";
	fault = tally(&table, list.lines, list.count, &line);
	if (fault == ENTRY_UNBALANCED)
		problem = psprintf("does not balance: %s", differences_text(&table));
	else if (fault != ENTRY_SOUND || !is_canonical(entry, &table, &list))
		problem = "malformed";
	asset_table_free(&table);
	pfree(list.lines);
	return problem;
}

PG_FUNCTION_INFO_V1(journal_entry_problem);
Datum
journal_entry_problem(PG_FUNCTION_ARGS)
{
	const char *problem = entry_problem(PG_GETARG_JOURNAL_ENTRY_P(0));

	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
