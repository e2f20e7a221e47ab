#include "store_audit.h"
#include "store_private.h"

const char *tai_action_name(tai_action_e action)
{
    static const char *const names[TAI_ACTION_COUNT] = {
#define X(name, text) text,
        TAI_ACTIONS(X)
#undef X
    };

    return names[action];
}

tai_change_e tai_store_audit(tai_connection_t *connection, const tai_actor_t *actor,
                             const char *account_id, tai_action_e action, const char *subject,
                             const char *detail, apr_int64_t now, apr_pool_t *p, const char **text)
{
    return tai_connection_change(connection, TAI_SQL_ADD_AUDIT,
                                 TAI_ARGS(tai_store_number(now, p), account_id, actor->name,
                                          actor->client, tai_action_name(action), subject, detail),
                                 p, NULL, text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}
