#ifndef TAI_KNOWN_H
#define TAI_KNOWN_H

#include "table.h"

/*
 * Digests of keys that the database has lately confirmed. Whoever throttles look-ups of unknown
 * keys asks here first, so that a flood of garbage never holds back a real key, also when the key
 * table has forgotten it. It says nothing about whether the key is good.
 */

/*
 * How long a confirmation lasts, milliseconds: a week. A key that is in use stays in the key table
 * for days, which confirms nothing, and is then forgotten there with all others at a change of plans:
 * amid a flood of garbage it would be held back as one that was never used.
 */
#define TAI_KNOWN_MS (APR_UINT64_C(7) * 24 * 3600 * 1000)

/* bytes of an entry of a table of known digests */
apr_size_t tai_known_entry_size(void);

/**
 * @param id    the digest, folded
 * @param now   milliseconds of tai_clock_ms
 * @param seen  set to 1 if the digest was confirmed within TAI_KNOWN_MS
 * @return APR_SUCCESS; else nothing was decided
 */
apr_status_t tai_known_seen(tai_table_t *table, tai_id_t id, apr_uint64_t now, int *seen);

/**
 * The database knows this digest.
 * @return APR_SUCCESS; else nothing was noted
 */
apr_status_t tai_known_confirm(tai_table_t *table, tai_id_t id, apr_uint64_t now);

#endif
