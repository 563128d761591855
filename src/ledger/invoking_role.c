/*-------------------------------------------------------------------------
 *
 * invoking_role.c
 *	  Who asks, as seen from inside a SECURITY DEFINER function.
 *
 * There current_user is the extension's owner and session_user ignores SET
 * ROLE; the outer user is the session's role after SET ROLE, which is whom
 * client access and the audit trail are about (design 7).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(bakkt_ledger_invoking_role);

/* invoking_role() returns name */
Datum
bakkt_ledger_invoking_role(PG_FUNCTION_ARGS)
{
	char	   *role = GetUserNameFromId(GetOuterUserId(), false);

	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(role)));
}
