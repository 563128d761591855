/*-------------------------------------------------------------------------
 *
 * acting_role.h
 *	  Who asks (design 5).
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_ACTING_ROLE_H
#define BAKKT_LEDGER_ACTING_ROLE_H

/* The role that acts: the session's after SET ROLE; 42501 inside maintenance. */
extern Oid	acting_role(void);
/* 42501 inside maintenance, where nobody acts. */
extern void refuse_in_maintenance(void);

#endif							/* BAKKT_LEDGER_ACTING_ROLE_H */
