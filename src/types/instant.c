/*-------------------------------------------------------------------------
 *
 * instant.c
 *	  Text of an instant for messages: UTC, whatever the session's settings.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "types/instant.h"

char *
instant_text(TimestampTz instant)
{
	struct pg_tm parts;
	fsec_t		fraction;
	char		text[MAXDATELEN + 1];

	if (TIMESTAMP_IS_NOBEGIN(instant))
		return pstrdup("-infinity");
	if (TIMESTAMP_IS_NOEND(instant))
		return pstrdup("infinity");
	if (timestamp2tm(instant, NULL, &parts, &fraction, NULL, NULL) != 0)
		return pstrdup("out of range");
	parts.tm_isdst = 0;			/* or the zone would not be printed */
	EncodeDateTime(&parts, fraction, true, 0, NULL, USE_ISO_DATES, text);
	return pstrdup(text);
}
