#ifndef TAICTL_ACCOUNTS_H
#define TAICTL_ACCOUNTS_H

#include <jansson.h>
#include "store_accounts.h"

/**
 * An account with its counts.
 * @param p  for the moment
 * @return {"id", "name", "plan", "status", "created_at", "users", "active_keys", "max_keys"}, a new
 *         reference
 */
json_t *taictl_account_json(const tai_account_t *account, apr_pool_t *p);

#endif
