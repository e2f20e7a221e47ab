#include "store_audit.h"
#include "store_private.h"

#include <apr_strings.h>

/* The columns of TAI_SQL_SELECT_AUDIT. */
enum { SEQ, AT, ACCOUNT, ACTOR, CLIENT, ACTION, SUBJECT, DETAIL };

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

static tai_audit_t *read_line(tai_row_t row, apr_pool_t *p)
{
    tai_audit_t *line = apr_palloc(p, sizeof(*line));

    *line = (tai_audit_t){.seq = apr_atoi64(row[SEQ]),
                          .at = tai_store_seconds(row[AT]),
                          .account = row[ACCOUNT],
                          .actor = row[ACTOR],
                          .client = row[CLIENT],
                          .action = row[ACTION],
                          .subject = row[SUBJECT],
                          .detail = row[DETAIL]};
    return line;
}

tai_change_e tai_store_list_audit(tai_store_t *store, const char *account_id, apr_int64_t before,
                                  int limit, apr_pool_t *p, apr_array_header_t **lines,
                                  const char **text)
{
    const char *seq = tai_store_number(before > 0 ? before : APR_INT64_MAX, p);
    const char *most = tai_store_number(limit, p);
    apr_array_header_t *rows;
    apr_status_t rv =
        account_id ? tai_store_select(store, TAI_SQL_AUDIT_OF_ACCOUNT,
                                      TAI_ARGS(account_id, seq, most), p, &rows, text)
                   : tai_store_select(store, TAI_SQL_AUDIT, TAI_ARGS(seq, most), p, &rows, text);

    if (rv != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    *lines = apr_array_make(p, rows->nelts, sizeof(const tai_audit_t *));
    for (int i = 0; i < rows->nelts; i++) {
        APR_ARRAY_PUSH(*lines, const tai_audit_t *) =
            read_line(APR_ARRAY_IDX(rows, i, tai_row_t), p);
    }
    return TAI_CHANGE_DONE;
}

/* A line by itself. */
typedef struct event_t {
    const tai_actor_t *actor;
    const char *account_id;
    tai_action_e action;
    const char *subject;
    const char *detail;
    apr_int64_t now;
} event_t;

static tai_change_e add_event(tai_connection_t *connection, void *data, apr_pool_t *p,
                              const char **text)
{
    const event_t *event = data;

    return tai_store_audit(connection, event->actor, event->account_id, event->action,
                           event->subject, event->detail, event->now, p, text);
}

tai_change_e tai_store_audit_event(tai_store_t *store, const tai_actor_t *actor,
                                   const char *account_id, tai_action_e action, const char *subject,
                                   const char *detail, apr_int64_t now, apr_pool_t *p,
                                   const char **text)
{
    event_t event = {actor, account_id, action, subject, detail, now};

    return tai_store_change_aside(store, add_event, &event, p, text);
}
