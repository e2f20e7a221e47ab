#include "logins.h"
#include "limiter.h"

#include <string.h>

#define PREFIX_MAX 16 /* bytes of a client prefix */

static const struct {
    tai_table_e table;
    apr_uint32_t times;
    const char *name;
} counts[TAI_LOGIN_COUNT] = {
#define X(name, table, times, text) [TAI_LOGIN_##name] = {TAI_TABLE_##table, times, text},
    TAI_LOGIN_COUNTS(X)
#undef X
};

/* What an identity is made of; unused parts stay zero. Nothing else that is hashed has this size. */
typedef struct login_name_t {
    apr_uint64_t count;
    tai_id_t username; /* hashed by itself: it may be of any length */
    apr_uint64_t prefix_len;
    unsigned char prefix[PREFIX_MAX];
} login_name_t;

static apr_uint32_t times(apr_uint32_t n, apr_uint32_t by)
{
    return n < TAI_LIMIT_MAX / by ? n * by : TAI_LIMIT_MAX;
}

void tai_login_make(tai_login_t *login, tai_segment_t *segment, const tai_limiter_t *limiter,
                    const void *username, apr_size_t username_len, const void *prefix,
                    apr_size_t prefix_len, const tai_lockout_t *lockout)
{
    const tai_id_t user = limiter->ops->identify(limiter->self, username, username_len);
    int i;

    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        login_name_t name = {.count = (apr_uint64_t)i};

        if (i != TAI_LOGIN_CLIENT) {
            name.username = user;
        }
        if (i != TAI_LOGIN_USERNAME) {
            name.prefix_len = prefix_len;
            memcpy(name.prefix, prefix, prefix_len);
        }
        login->tables[i] = tai_segment_table(segment, counts[i].table);
        login->ids[i] = limiter->ops->identify(limiter->self, &name, sizeof(name));
        if (i != TAI_LOGIN_CLIENT) {
            login->ids[i].lo = user.lo; /* what finds all counts of a user name */
        }
        login->lockouts[i] = *lockout;
        login->lockouts[i].failures.max = times(lockout->failures.max, counts[i].times);
    }
}

static apr_status_t lock(const tai_login_t *login, tai_place_t *places)
{
    return tai_table_lock(login->tables, login->ids, TAI_LOGIN_COUNT, places);
}

static apr_uint32_t counted(const tai_failures_t *f, const tai_lockout_t *lockout, apr_uint64_t now,
                            apr_uint64_t *wait_ms)
{
    tai_window_view_t view;

    tai_window_test(&f->window, &lockout->failures, now, &view);
    *wait_ms = view.wait_ms;
    return view.counted;
}

/* For how long one count leaves no room for one more try. */
static apr_uint64_t no_room_ms(const tai_failures_t *f, const tai_lockout_t *lockout,
                               apr_uint64_t now)
{
    apr_uint64_t left = tai_failures_left(f, now);

    if (f != NULL && left == 0) {
        counted(f, lockout, now, &left);
    }
    return left;
}

apr_status_t tai_login_begin(tai_login_t *login, apr_uint64_t now, apr_uint64_t *left_ms)
{
    tai_place_t places[TAI_LOGIN_COUNT];
    const apr_status_t rv = lock(login, places);
    int i;

    *left_ms = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        const apr_uint64_t left = no_room_ms(places[i].entry, &login->lockouts[i], now);

        login->locked_ms[i] = tai_failures_left(places[i].entry, now);
        *left_ms = left > *left_ms ? left : *left_ms;
    }
    for (i = 0; i < TAI_LOGIN_COUNT && *left_ms == 0; i++) {
        tai_table_insert(&places[i], login->ids[i], now);
        tai_failures_count(&places[i], &login->lockouts[i], now);
        login->at[i] = ((const tai_failures_t *)places[i].entry)->window.newest;
    }
    tai_table_unlock(places, TAI_LOGIN_COUNT);
    return APR_SUCCESS;
}

apr_status_t tai_login_fail(const tai_login_t *login, apr_uint64_t now, unsigned *started)
{
    tai_place_t places[TAI_LOGIN_COUNT];
    const apr_status_t rv = lock(login, places);
    apr_uint64_t wait_ms;
    int i;

    *started = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        const tai_failures_t *f = places[i].entry;

        if (f != NULL &&
            counted(f, &login->lockouts[i], now, &wait_ms) >= login->lockouts[i].failures.max) {
            tai_failures_lock(&places[i], &login->lockouts[i], now);
            *started |= 1u << i;
        }
    }
    tai_table_unlock(places, TAI_LOGIN_COUNT);
    return APR_SUCCESS;
}

/*
 * A lock that has started since has emptied the count, and what is older than the window may be
 * gone: what stands there then are other tries.
 */
static void take_back(tai_failures_t *f, const tai_lockout_t *lockout, apr_uint64_t at,
                      apr_uint64_t now)
{
    if (f->locked_until <= at && now < at + lockout->failures.window_ms) {
        tai_window_refund(&f->window, at);
    }
}

apr_status_t tai_login_end(const tai_login_t *login, apr_uint64_t now, int right)
{
    tai_place_t places[TAI_LOGIN_COUNT];
    const apr_status_t rv = lock(login, places);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        tai_failures_t *f = places[i].entry;

        if (f != NULL && right && i != TAI_LOGIN_CLIENT) {
            tai_window_clear(&f->window);
        }
        else if (f != NULL) {
            take_back(f, &login->lockouts[i], login->at[i], now);
        }
    }
    tai_table_unlock(places, TAI_LOGIN_COUNT);
    return APR_SUCCESS;
}

/* ---- unlocking ---------------------------------------------------------------------------- */

typedef struct unlock_t {
    apr_uint64_t user; /* low half of all identities of the user name */
    apr_uint64_t now;
    int lifted;
} unlock_t;

static void unlock(const tai_place_t *place, void *data)
{
    unlock_t *u = data;

    if (tai_table_id(place).lo == u->user) {
        u->lifted += tai_failures_forget(place, u->now);
    }
}

static apr_status_t unlock_username(const tai_login_t *login, apr_uint64_t now, int *lifted)
{
    tai_table_t *table = login->tables[TAI_LOGIN_USERNAME];
    unlock_t u = {.user = login->ids[TAI_LOGIN_USERNAME].lo, .now = now};
    apr_status_t rv = APR_SUCCESS;
    apr_uint32_t set;

    for (set = 0; set < tai_table_set_count(table) && rv == APR_SUCCESS; set++) {
        rv = tai_table_visit(table, set, now, unlock, &u);
    }
    *lifted = u.lifted;
    return rv;
}

apr_status_t tai_login_unlock(const tai_login_t *login, tai_login_count_e which, apr_uint64_t now,
                              int *lifted)
{
    return which == TAI_LOGIN_USERNAME
               ? unlock_username(login, now, lifted)
               : tai_failures_clear(login->tables[which], login->ids[which], now, lifted);
}

const char *tai_login_count_name(tai_login_count_e count)
{
    return counts[count].name;
}
