/*-------------------------------------------------------------------------
 *
 * spi_plan.h
 *	  Saved plans for the few queries that C code asks.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_SPI_PLAN_H
#define BAKKT_LEDGER_SPI_PLAN_H

#include "executor/spi.h"

/* Prepare and keep a plan on first use; published only when complete. Within SPI_connect(). */
extern void spi_plan(SPIPlanPtr *plan, int count, Oid *types, const char *query);
/* Execute it as the ledger's owner; any failure is an error. Within SPI_connect(). */
extern void spi_execute(SPIPlanPtr plan, Datum *arguments);
/* The same, seeing what has been committed by now under every isolation level. */
extern void spi_execute_latest(SPIPlanPtr plan, Datum *arguments);
/* First column of the first row as integer, 0 if there is none or it is NULL. Connects itself. */
extern int32 spi_int32(SPIPlanPtr *plan, int count, Oid *types, Datum *arguments, const char *query);

#endif							/* BAKKT_LEDGER_SPI_PLAN_H */
