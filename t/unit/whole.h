#ifndef WHOLE_H
#define WHOLE_H

#include <check.h>
#include "core/window.h"

/**
 * Is a window whole, whatever happened to those who wrote it?
 * @return what it counts, in all its buckets
 */
static inline apr_uint64_t whole_window(const tai_window_t *w)
{
    const unsigned used = w->ring & 0xff, first = w->ring >> 8;
    apr_uint32_t age = APR_UINT32_MAX;
    apr_uint64_t counted = 0;
    unsigned i;

    ck_assert_uint_le(used, TAI_WINDOW_BUCKETS);
    ck_assert_uint_lt(first, TAI_WINDOW_BUCKETS);
    for (i = 0; i < used; i++) {
        const apr_uint64_t bucket = w->bucket[(first + i) % TAI_WINDOW_BUCKETS];
        const apr_uint32_t its_age = (apr_uint32_t)w->newest - (apr_uint32_t)(bucket >> 32);

        /* oldest first, none empty */
        ck_assert_uint_le(its_age, age);
        ck_assert_uint_gt((apr_uint32_t)bucket, 0);
        counted += (apr_uint32_t)bucket;
        age = its_age;
    }
    return counted;
}

#endif
