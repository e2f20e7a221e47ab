#ifndef TAICTL_IMPORT_ROW_H
#define TAICTL_IMPORT_ROW_H

#include <apr_tables.h>
#include "digest.h"
#include "store_import.h"

/* A row of a file of keys, as it stands there. What it lacks is NULL. */
typedef struct taictl_cells_t {
    const char *name;
    char *key;
    const char *key_hash;
    const char *prefix;
    const char *rate_limit;
    const char *created_at;
    const char *expires_at;
    const apr_array_header_t *scopes; /* of const char * */
} taictl_cells_t;

/* The same as a key that can be imported. */
typedef struct taictl_row_t {
    apr_int64_t line;   /* of the file */
    const char *reason; /* why it is refused, never with the key; NULL: it is not */
    tai_import_row_t key;
} taictl_row_t;

/**
 * How the key of a row is told: its digest and what may be shown of it.
 * @param hash    set to the digest
 * @param prefix  set; "": nothing may be shown
 * @return NULL, or why the row is refused
 */
typedef const char *taictl_decode_fn(const taictl_cells_t *cells, char hash[TAI_DIGEST_HEX + 1],
                                     apr_pool_t *p, const char **prefix);

/**
 * @param hashed  what stands in the file: "none" (keys), or their SHA-256 in "hex" or "base64"
 * @return NULL: it is none of these
 */
taictl_decode_fn *taictl_find_decode(const char *hashed);

/**
 * Decode the cells of a row. Names, scopes and limits are left to tai_import_add.
 * @param cells  the key in it is wiped
 * @param p      reason and key live here, or as long as the cells
 * @param row    reason and key are set
 */
void taictl_row_decode(taictl_decode_fn *decode, const taictl_cells_t *cells, apr_pool_t *p,
                       taictl_row_t *row);

#endif
