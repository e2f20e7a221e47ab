/*
 * The lifetime of shared memory. The segment and the locks inside it belong to the process pool and
 * are found again after a graceful restart, so that a reload forgives no lockout, refills no quota,
 * and never has two generations of children guard one state with two locks.
 */

#include "taiauth.h"

#include <apr_shm.h>
#include "../core/clock.h"

#define RETAINED      "taiauth-segment"
#define DEFAULT_BYTES ((apr_size_t)128 << 20)
#define DEFAULT_KEYS  100000
#define DEFAULT_SHARE 4 /* ... in one so-manieth of the memory at the most */

tai_segment_t *taiauth_segment;

/* APR keeps its own size at the start of the mapping, so what it hands out is not aligned. */
#define PAGE_BYTES ((apr_size_t)4096)

typedef struct retained_t {
    apr_shm_t *shm;
    apr_size_t bytes;
    const char *database; /* whose keys it is about, as DBDriver and DBDParams name it */
} retained_t;

apr_size_t taiauth_memory_bytes(const taiauth_server_t *conf)
{
    return conf->shared_memory ? conf->shared_memory : DEFAULT_BYTES;
}

apr_uint64_t taiauth_memory_keys(const taiauth_server_t *conf)
{
    apr_uint64_t fit;

    if (conf->key_cache != TAIAUTH_UNSET) {
        return (apr_uint64_t)conf->key_cache;
    }
    fit = tai_records_keys(taiauth_memory_bytes(conf) / DEFAULT_SHARE);
    return fit < DEFAULT_KEYS ? fit : DEFAULT_KEYS;
}

int taiauth_memory_keeps(const taiauth_server_t *conf)
{
    return taiauth_segment && tai_segment_records(taiauth_segment) && taiauth_memory_keys(conf);
}

static void *block_of(const apr_shm_t *shm)
{
    return (void *)APR_ALIGN((apr_uintptr_t)apr_shm_baseaddr_get(shm), PAGE_BYTES);
}

static const char *database_of(const taiauth_server_t *conf, apr_pool_t *p)
{
    return apr_pstrcat(p, conf->dbd_driver ? conf->dbd_driver : "", " ",
                       conf->dbd_params ? conf->dbd_params : "", NULL);
}

static apr_status_t make(server_rec *s, retained_t *retained)
{
    const taiauth_server_t *conf = taiauth_server(s);
    const apr_size_t bytes = taiauth_memory_bytes(conf);
    apr_status_t rv = apr_shm_create(&retained->shm, bytes + PAGE_BYTES, NULL, s->process->pool);

    if (rv == APR_SUCCESS) {
        rv = tai_segment_format(block_of(retained->shm), bytes, taiauth_memory_keys(conf),
                                &taiauth_segment);
    }
    if (rv != APR_SUCCESS) {
        taiauth_segment = NULL;
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "taiauth: no shared memory of %" APR_SIZE_T_FMT " bytes (TaiAuthSharedMemory)",
                     bytes);
        return rv;
    }
    retained->bytes = bytes;
    retained->database = database_of(conf, s->process->pool);
    return APR_SUCCESS;
}

/*
 * The segment of before, or why it will not do. That of another database has its keys and is a node
 * of it, and children that are still ending go on syncing with that one.
 */
static tai_segment_t *find(server_rec *s, const retained_t *retained, const char **why)
{
    *why = "another version of the module is loaded";
    if (!retained->bytes) {
        return NULL;
    }
    if (strcmp(retained->database, database_of(taiauth_server(s), s->process->pconf)) != 0) {
        *why = "DBDriver or DBDParams name another database";
        return NULL;
    }
    return tai_segment_attach(block_of(retained->shm), retained->bytes);
}

/* Children that are still ending have it mapped for as long as they need it. */
static void discard(retained_t *retained)
{
    if (retained->bytes) {
        apr_shm_destroy(retained->shm);
        retained->bytes = 0;
    }
}

/* What was changed at a reload and has to wait. Off need not: nobody looks into the table then. */
static void tell_what_stays(server_rec *s, const retained_t *retained)
{
    const taiauth_server_t *conf = taiauth_server(s);
    const apr_uint64_t laid_out = tai_segment_keys(taiauth_segment);

    if (retained->bytes != taiauth_memory_bytes(conf)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: TaiAuthSharedMemory stays at %" APR_SIZE_T_FMT
                     " bytes; %" APR_SIZE_T_FMT " take effect at the next full start",
                     retained->bytes, taiauth_memory_bytes(conf));
    }
    if (conf->key_cache && laid_out != taiauth_memory_keys(conf)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: TaiAuthKeyCache stays at %" APR_UINT64_T_FMT
                     " keys; %" APR_UINT64_T_FMT " take effect at the next full start",
                     laid_out, taiauth_memory_keys(conf));
    }
}

apr_status_t taiauth_memory_open(server_rec *s)
{
    retained_t *retained = ap_retained_data_get(RETAINED);
    const char *why;

    taiauth_segment = NULL;
    if (!retained) {
        retained = ap_retained_data_create(RETAINED, sizeof(*retained));
        return make(s, retained);
    }
    taiauth_segment = find(s, retained, &why);
    if (!taiauth_segment) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: %s: counters and lockouts begin anew", why);
        discard(retained);
        return make(s, retained);
    }
    tell_what_stays(s, retained);
    return APR_SUCCESS;
}

void taiauth_memory_begin(void)
{
    if (taiauth_segment) {
        tai_seats_free(tai_segment_seats(taiauth_segment));
    }
}

void taiauth_memory_watch(server_rec *s, apr_pool_t *p)
{
    apr_uint64_t lost[TAI_TABLE_COUNT];
    int i;

    (void)p;
    if (!tai_segment_pressure(taiauth_segment, tai_clock_ms(), lost)) {
        return;
    }
    for (i = 0; i < TAI_TABLE_COUNT; i++) {
        if (lost[i]) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         "taiauth: the shared table \"%s\" is full: %" APR_UINT64_T_FMT
                         " live entries had to go; raise TaiAuthSharedMemory",
                         tai_segment_table_name((tai_table_e)i), lost[i]);
        }
    }
}
