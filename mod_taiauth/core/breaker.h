#ifndef TAI_BREAKER_H
#define TAI_BREAKER_H

#include <apr.h>

/*
 * A circuit breaker (M. Nygard, Release It!, 2007) before something that answers late or not at
 * all: who has waited in vain once spares all others the wait. It is part of shared memory, so that
 * what one process has found out holds for all; zeroed, it lets everybody pass.
 *
 *   closed  retry_at is 0: everybody passes
 *   open    retry_at is to come: nobody passes
 *   trying  retry_at has come: the first who asks passes and moves it on; if he dies, another one
 *           passes when it has come again
 */
typedef struct tai_breaker_t {
    apr_uint64_t retry_at;      /* milliseconds of tai_clock_ms; 0: closed */
    apr_uint64_t opened;        /* how often, for metrics */
    apr_uint64_t told_at;       /* of tai_breaker_tell */
    apr_uint64_t told;          /* 1: that it fails was said, and not yet that this is over */
    apr_uint64_t doubts;        /* failures that may be chance, since the last answer */
    apr_uint64_t complained_at; /* of tai_breaker_complain */
} tai_breaker_t;

/* What a report has changed. */
typedef enum {
    TAI_BREAKER_SAME,
    TAI_BREAKER_OPENED, /* by this failure */
    TAI_BREAKER_CLOSED  /* by this success */
} tai_breaker_e;

/**
 * May the other side be asked now? Who passes says by tai_breaker_report how it went.
 * @param now     milliseconds of tai_clock_ms
 * @param try_ms  how long one who tries takes at the most, milliseconds
 * @return 1: go ahead; 0: fail at once
 */
int tai_breaker_pass(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t try_ms);

/**
 * Is nobody to ask now? Unlike tai_breaker_pass this promises nothing.
 * @param now  milliseconds of tai_clock_ms
 */
int tai_breaker_rests(const tai_breaker_t *breaker, apr_uint64_t now);

/**
 * How it went. A failure is that no answer came, never an answer that says no.
 * @param answered  1: there was an answer
 * @param now       milliseconds of tai_clock_ms, behind the answer
 * @param rest_ms   how long nobody asks after a failure, milliseconds
 * @return what this has changed
 */
tai_breaker_e tai_breaker_report(tai_breaker_t *breaker, int answered, apr_uint64_t now,
                                 apr_uint32_t rest_ms);

/**
 * Who passed did not come to ask, and knows nothing: where it is open, another one may try.
 * @param now      milliseconds of tai_clock_ms
 * @param rest_ms  how long nobody does, milliseconds
 */
void tai_breaker_untried(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t rest_ms);

/**
 * A failure that may be chance: one answer of many that is late. The third in a row, without an answer
 * between, is as tai_breaker_report of a failure; so is each while it is open.
 * @param now      milliseconds of tai_clock_ms, when the wait was over
 * @param rest_ms  how long nobody asks after the last of them, milliseconds
 * @return what this has changed
 */
#define TAI_BREAKER_DOUBTS 3
tai_breaker_e tai_breaker_doubt(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t rest_ms);

/**
 * For the log: of all processes and threads, one is answered once in that time.
 * @param now       milliseconds of tai_clock_ms
 * @param every_ms  milliseconds
 * @return 1: it is for the caller to say it
 */
int tai_breaker_tell(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t every_ms);

/**
 * As tai_breaker_tell, for failures that open nothing: nobody is to say later that they are over.
 */
int tai_breaker_complain(tai_breaker_t *breaker, apr_uint64_t now, apr_uint32_t every_ms);

/**
 * For the log, when it has closed: of all processes and threads, one is answered once for each time
 * that somebody was to say that it fails.
 * @return 1: it is for the caller to say that this is over
 */
int tai_breaker_over(tai_breaker_t *breaker);

#endif
