#include <time.h>
#include "clock.h"

static apr_uint64_t boot_time(apr_uint64_t per_second)
{
    struct timespec t;

    /* fails only for a clock that the kernel does not have, and Linux has had it since 2.6.39 */
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (apr_uint64_t)t.tv_sec * per_second +
           (apr_uint64_t)t.tv_nsec / (APR_UINT64_C(1000000000) / per_second);
}

apr_uint64_t tai_clock_ms(void)
{
    /* 0 stands for "never" in the tables */
    return boot_time(1000) + 1;
}

apr_uint64_t tai_clock_us(void)
{
    return boot_time(1000000);
}
