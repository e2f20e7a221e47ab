#include "breaker.h"

static apr_uint64_t load(const apr_uint64_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

/* @return 1: it was as expected, and has been moved on by the caller alone */
static int move(apr_uint64_t *field, apr_uint64_t expected, apr_uint64_t value)
{
    return __atomic_compare_exchange_n(field, &expected, value, 0, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

int tai_breaker_pass(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t try_ms)
{
    const apr_uint64_t retry_at = load(&breaker->retry_at);

    return !retry_at || (now >= retry_at && move(&breaker->retry_at, retry_at, now + try_ms));
}

int tai_breaker_rests(const tai_breaker_t *breaker, apr_uint64_t now)
{
    return now < load(&breaker->retry_at);
}

tai_breaker_e tai_breaker_report(tai_breaker_t *breaker, int answered, apr_uint64_t now,
                                 apr_uint32_t rest_ms)
{
    apr_uint64_t before = load(&breaker->retry_at);

    if (answered && load(&breaker->doubts)) {
        __atomic_store_n(&breaker->doubts, 0, __ATOMIC_RELAXED);
    }
    if (answered && !before) {
        return TAI_BREAKER_SAME; /* the usual case writes nothing */
    }
    before =
        __atomic_exchange_n(&breaker->retry_at, answered ? 0 : now + rest_ms, __ATOMIC_RELAXED);
    if (answered) {
        return before ? TAI_BREAKER_CLOSED : TAI_BREAKER_SAME;
    }
    if (before) {
        return TAI_BREAKER_SAME;
    }
    __atomic_add_fetch(&breaker->opened, 1, __ATOMIC_RELAXED);
    return TAI_BREAKER_OPENED;
}

void tai_breaker_untried(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t rest_ms)
{
    const apr_uint64_t retry_at = load(&breaker->retry_at);

    if (retry_at) {
        move(&breaker->retry_at, retry_at, now + rest_ms);
    }
}

tai_breaker_e tai_breaker_doubt(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t rest_ms)
{
    const apr_uint64_t doubts = __atomic_add_fetch(&breaker->doubts, 1, __ATOMIC_RELAXED);

    return doubts >= TAI_BREAKER_DOUBTS || load(&breaker->retry_at)
               ? tai_breaker_report(breaker, 0, now, rest_ms)
               : TAI_BREAKER_SAME;
}

/* Once in that time, of all who ask. */
static int is_first(apr_uint64_t *last, apr_uint64_t now, apr_uint32_t every_ms)
{
    const apr_uint64_t before = load(last);

    return (!before || now >= before + every_ms) && move(last, before, now);
}

int tai_breaker_tell(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t every_ms)
{
    if (!is_first(&breaker->told_at, now, every_ms)) {
        return 0;
    }
    __atomic_store_n(&breaker->told, 1, __ATOMIC_RELAXED);
    return 1;
}

int tai_breaker_complain(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t every_ms)
{
    return is_first(&breaker->complained_at, now, every_ms);
}

int tai_breaker_over(tai_breaker_t *breaker)
{
    return load(&breaker->told) && move(&breaker->told, 1, 0);
}
