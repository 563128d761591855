/*-------------------------------------------------------------------------
 *
 * refuse_write.c
 *	  The trigger that keeps append-only tables append-only, and the setting
 *	  that lets a restore through.
 *
 * It only forbids; the posting path writes without statement triggers.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "errors.h"
#include "ledger/refuse_write.h"

bool		ledger_restoring = false;

static const char *
event_name(TriggerEvent event)
{
	if (TRIGGER_FIRED_BY_INSERT(event))
		return "INSERT";
	if (TRIGGER_FIRED_BY_UPDATE(event))
		return "UPDATE";
	if (TRIGGER_FIRED_BY_DELETE(event))
		return "DELETE";
	return "TRUNCATE";
}

PG_FUNCTION_INFO_V1(refuse_write);
Datum
refuse_write(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("refuse_write() must be called as a trigger")));
	if (ledger_restoring && TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		PG_RETURN_POINTER(NULL);
	ereport(ERROR,
			(errcode(ERRCODE_LG_APPEND_ONLY),
			 errmsg("%s on ledger table \"%s\" is not allowed",
					event_name(trigger->tg_event), RelationGetRelationName(trigger->tg_relation)),
			 errdetail("The ledger is append-only and written by its own functions."),
			 errhint("Correct with a reversal. To load a dump, set bakkt_ledger.restoring = on as superuser and run verify() afterwards."),
			 errtable(trigger->tg_relation)));
	PG_RETURN_POINTER(NULL);
}
