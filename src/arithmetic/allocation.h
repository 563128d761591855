/*-------------------------------------------------------------------------
 *
 * allocation.h
 *	  Splitting a total into parts that sum to it (I19).
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_ALLOCATION_H
#define BAKKT_LEDGER_ALLOCATION_H

#include "arithmetic/units.h"

/*
 * Split total (a multiple of step) into count parts proportional to the
 * weights by largest remainder (I19): parts sum to total exactly, ties go to
 * the lower index, so callers order by a stable key.
 */
extern UnitsStatus units_allocate(units total, units step, const units *weights, int count, units *parts);

#endif							/* BAKKT_LEDGER_ALLOCATION_H */
