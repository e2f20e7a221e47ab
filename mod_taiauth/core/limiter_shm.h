#ifndef TAI_LIMITER_SHM_H
#define TAI_LIMITER_SHM_H

#include "limiter.h"

/*
 * Counting in the tables of the segment. self: tai_segment_t *.
 *
 * It answers at once; what makes it fail is a lock of shared memory that cannot be had. Of several
 * counts in one call each is a step of its own, and the first that fails ends the call.
 */
extern const tai_limiter_ops_t tai_limiter_shm;

#endif
