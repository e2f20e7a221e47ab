#include "store_tickets.h"
#include "store_private.h"

/* What the calls below hand to the part that has the connection. */
typedef struct request_t {
    const char *ticket_hash;
    const char *order_json;
    apr_int64_t now;
} request_t;

static tai_change_e leave_ticket(tai_connection_t *connection, void *data, apr_pool_t *p,
                                 const char **text)
{
    const request_t *request = data;

    return tai_connection_change(connection, TAI_SQL_ADD_TICKET,
                                 TAI_ARGS(request->ticket_hash, request->order_json,
                                          tai_store_number(request->now + TAI_TICKET_S, p)),
                                 p, NULL, text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

tai_change_e tai_store_leave_ticket(tai_store_t *store, const char *ticket_hash,
                                    const char *order_json, apr_int64_t now, apr_pool_t *p,
                                    const char **text)
{
    request_t request = {ticket_hash, order_json, now};

    return tai_store_change_aside(store, leave_ticket, &request, p, text);
}

static const char no_ticket[] = "there is no such ticket, or it was taken, or its time is over";

/* By itself, it keeps who makes tickets up from the turn of a writer. */
static tai_change_e see_ticket(tai_connection_t *connection, void *data, apr_pool_t *p,
                               const char **text)
{
    request_t *request = data;
    apr_array_header_t *rows;

    if (tai_connection_select(connection, TAI_SQL_TICKET,
                              TAI_ARGS(request->ticket_hash, tai_store_number(request->now, p)), p,
                              &rows, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (rows->nelts == 0) {
        *text = no_ticket;
        return TAI_CHANGE_NOT_FOUND;
    }
    request->order_json = APR_ARRAY_IDX(rows, 0, tai_row_t)[0];
    return TAI_CHANGE_DONE;
}

/* Of two who see the ticket at once one takes it: of the other's DELETE no row is left. */
static tai_change_e take_ticket(tai_connection_t *connection, void *data, apr_pool_t *p,
                                const char **text)
{
    request_t *request = data;
    tai_change_e outcome = see_ticket(connection, data, p, text);
    int taken;

    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    if (tai_connection_change(connection, TAI_SQL_END_TICKET, TAI_ARGS(request->ticket_hash), p,
                              &taken, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    *text = no_ticket;
    return taken ? TAI_CHANGE_DONE : TAI_CHANGE_NOT_FOUND;
}

tai_change_e tai_store_take_ticket(tai_store_t *store, const char *ticket_hash, apr_int64_t now,
                                   apr_pool_t *p, const char **order_json, const char **text)
{
    request_t request = {.ticket_hash = ticket_hash, .now = now};
    tai_change_e outcome = tai_store_view(store, see_ticket, &request, p, text);

    *order_json = NULL;
    if (outcome == TAI_CHANGE_DONE) {
        outcome = tai_store_change_aside(store, take_ticket, &request, p, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        *order_json = request.order_json;
    }
    return outcome;
}
