#ifndef TAICTL_KEYS_H
#define TAICTL_KEYS_H

#include "output.h"
#include "store_keys.h"

/* Of taictl_key_json, what is shown of one key. */
extern const taictl_field_t taictl_key_fields[];

/**
 * A key as its owner sees it (see describe.h), and whose it is besides.
 * @return a new reference
 */
json_t *taictl_key_json(const tai_key_info_t *info, apr_pool_t *p);

/**
 * Which key is meant: by the first argument, its id or prefix; or, with --stdin, by the whole key,
 * which comes through standard input because every user of the host can see an argument.
 * @return TAICTL_DONE, or what the command returns; it is said then
 */
int taictl_read_key(const taictl_t *run, tai_key_name_t *name);

#endif
