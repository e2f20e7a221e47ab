#include "crowd.h"

apr_uint32_t tai_crowd_join(tai_crowd_t *crowd, apr_uint32_t patience_ms)
{
    const int waiting = __atomic_add_fetch(&crowd->waiting, 1, __ATOMIC_RELAXED);

    return waiting <= crowd->max || patience_ms < crowd->brief_ms ? patience_ms : crowd->brief_ms;
}

void tai_crowd_leave(tai_crowd_t *crowd)
{
    __atomic_sub_fetch(&crowd->waiting, 1, __ATOMIC_RELAXED);
}
