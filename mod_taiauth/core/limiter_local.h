#ifndef TAI_LIMITER_LOCAL_H
#define TAI_LIMITER_LOCAL_H

#include "limiter.h"

/*
 * Counting in the tables of the segment, as limiter_shm.c, what another limiter has made the
 * identities of: they are folded with the segment's secrets before they are looked for, for nobody
 * outside is to know which of them share a place. What is filled in stands under the identities of
 * the caller. self: tai_segment_t *.
 */
extern const tai_limiter_ops_t tai_limiter_local;

#endif
