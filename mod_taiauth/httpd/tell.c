/*
 * What ends or narrows a key is answered when it is in force on every node. Who waits for that holds
 * a worker: of all that there are on this node, so many at the most.
 */

#include "api.h"

#define BUSY_S 1 /* when to come again, where too many are at the same thing */

apr_status_t taiauth_turn_take(int *turn)
{
    return tai_slots_take(tai_segment_revocations(taiauth_segment), TAI_SLOT_ANYONE, turn);
}

void taiauth_turn_leave(int turn)
{
    tai_slots_leave(tai_segment_revocations(taiauth_segment), turn);
}

int taiauth_turn_refuse(request_rec *r, apr_status_t rv)
{
    return rv == APR_EBUSY ? taiauth_refuse(r, TAI_REVOCATIONS_BUSY,
                                            "Too many revocations are under way. Nothing was "
                                            "changed; try again shortly.",
                                            BUSY_S, NULL)
                           : taiauth_refuse(r, TAI_SHARED_MEMORY, NULL, TAIAUTH_UNDECIDED_S, NULL);
}

int taiauth_tell(request_rec *r, tai_told_t *told, const char *done)
{
    const char *text;

    if (tai_node_tell(taiauth_segment, taiauth_store, r->pool, told, &text) == TAI_CHANGE_DONE) {
        taiauth_node_silent(r->server, told, r->pool);
        return OK;
    }
    taiauth_database_complain(r, text);
    return taiauth_refuse(r, TAI_DATABASE,
                          apr_pstrcat(r->pool, done,
                                      " It is not known whether this is in force everywhere yet.",
                                      NULL),
                          TAIAUTH_UNDECIDED_S, NULL);
}
