#ifndef TAICTL_USERS_H
#define TAICTL_USERS_H

#include <jansson.h>
#include "store_users.h"

/**
 * @param p  for the moment
 * @return {"id", "account", "username", "role", "status", "created_at"}, a new reference
 */
json_t *taictl_user_json(const tai_user_t *user, apr_pool_t *p);

#endif
