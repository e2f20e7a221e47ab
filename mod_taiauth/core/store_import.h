#ifndef TAI_STORE_IMPORT_H
#define TAI_STORE_IMPORT_H

#include <apr_tables.h>
#include "store.h"
#include "store_audit.h"
#include "store_change.h"

/*
 * Keys of another system become keys of an account: all of them in one transaction, with one change
 * of every key and one line in the audit log. The maximum of active keys is for keys that are made
 * here; it does not hold for these. On SQLite nobody else writes while the transaction lasts; on
 * servers they do, until its last moment.
 */
typedef struct tai_import_t tai_import_t; /* one that is under way */

/* One key. Times are UTC seconds. */
typedef struct tai_import_row_t {
    const char *name;                 /* see name.h */
    const char *key_hash;             /* SHA-256 of the whole key, 64 lower-case hex digits */
    const char *prefix;               /* what may be shown of it; "": nothing */
    const apr_array_header_t *scopes; /* of const char *; NULL: those of the order */
    const char *rate_limit;           /* "N/WINDOW"; NULL: none of its own */
    apr_int64_t created_at;           /* TAI_NEVER: now */
    apr_int64_t expires_at;           /* TAI_NEVER: none */
} tai_import_row_t;

/**
 * What adds the rows. It is called once more where the database failed on a connection opened
 * earlier, and begins again then.
 * @param data  of the order
 * @param text  set to a sentence unless done
 * @return DONE: keep them; anything else: undo them, and that is what became of the import
 */
typedef tai_change_e tai_import_fn(tai_import_t *import, void *data, const char **text);

typedef struct tai_import_order_t {
    const char *account;              /* its name; the keys are for its primary administrator */
    const apr_array_header_t *scopes; /* of rows without; NULL: the default ones of the plan */
    tai_import_fn *add_rows;
    void *data;
    int dry_run; /* do everything, and undo it */
} tai_import_order_t;

/**
 * Import keys.
 * @param order  what is to be done
 * @param actor  for the audit log
 * @param now    UTC seconds
 * @param p      texts live here
 * @param text   set to a sentence unless done
 * @return DONE, NOT_FOUND (account), INACTIVE (account, or no active primary administrator), what
 *         add_rows returned, or UNKNOWN
 */
tai_change_e tai_store_import(tai_store_t *store, const tai_import_order_t *order,
                              const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                              const char **text);

/**
 * Add one key. A row that is refused leaves the others alone.
 * @param p     for the moment; text lives here
 * @param text  set to a sentence unless done
 * @return DONE; TAKEN: the account has this key already, active or not; INVALID (name, limit, times,
 *         scopes, or another account has this key); PLAN (does not grant a scope); or UNKNOWN: the
 *         import has failed
 */
tai_change_e tai_import_add(tai_import_t *import, const tai_import_row_t *row, apr_pool_t *p,
                            const char **text);

#endif
