#ifndef TAI_CLOCK_H
#define TAI_CLOCK_H

#include <apr.h>

/**
 * The time that windows and locks are measured on: monotonic, the same for all processes of the
 * host, and running while the machine is suspended (CLOCK_BOOTTIME), so that neither a step of the
 * wall clock nor a night's sleep opens or closes anything.
 * @return milliseconds since an arbitrary start, never 0
 */
apr_uint64_t tai_clock_ms(void);

/**
 * The same clock, for measuring how long something took.
 * @return microseconds
 */
apr_uint64_t tai_clock_us(void);

#endif
