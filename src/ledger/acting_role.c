/*-------------------------------------------------------------------------
 *
 * acting_role.c
 *	  Who asks, as seen from inside a SECURITY DEFINER function.
 *
 * There current_user is the extension's owner and session_user ignores SET
 * ROLE; the outer user is the session's role after SET ROLE, which is whom
 * client access and the audit trail are about (design 5).
 *
 * Maintenance (analyze, index builds, CLUSTER, REINDEX, materialized views)
 * runs the code of a table's owner in a security-restricted operation.  It
 * switches the current user, but not the outer one: that is whoever ordered
 * the maintenance, a superuser or autovacuum.  There nobody acts.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "ledger/acting_role.h"

PG_FUNCTION_INFO_V1(bakkt_ledger_invoking_role);
PG_FUNCTION_INFO_V1(bakkt_ledger_session_login);

void
refuse_in_maintenance(void)
{
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the ledger cannot be used within a security-restricted operation"),
				 errdetail("Maintenance such as ANALYZE, REINDEX or REFRESH MATERIALIZED VIEW acts for nobody."),
				 errhint("Call the function in a session of your own.")));
}

Oid
acting_role(void)
{
	refuse_in_maintenance();
	return GetOuterUserId();
}

/* invoking_role() returns name */
Datum
bakkt_ledger_invoking_role(PG_FUNCTION_ARGS)
{
	char	   *role = GetUserNameFromId(acting_role(), false);

	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(role)));
}

/* session_login() returns name */
Datum
bakkt_ledger_session_login(PG_FUNCTION_ARGS)
{
	char	   *login;

	refuse_in_maintenance();
	login = GetUserNameFromId(GetSessionUserId(), false);
	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(login)));
}
