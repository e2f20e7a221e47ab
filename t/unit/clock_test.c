#include "core/clock.h"
#include "shared.h"
#include "unit.h"

START_TEST(never_goes_back)
{
    apr_uint64_t ms = 1, us = 0;
    int i;

    for (i = 0; i < 100000; i++) {
        const apr_uint64_t next_ms = tai_clock_ms(), next_us = tai_clock_us();

        if (next_ms < ms || next_us < us) {
            ck_abort_msg("reading %d went back", i);
        }
        ms = next_ms;
        us = next_us;
    }
}
END_TEST

/* Milliseconds and microseconds of one clock; ms starts at 1, and is read first. */
START_TEST(both_units_tell_the_same_time)
{
    const apr_uint64_t ms = tai_clock_ms(), us = tai_clock_us(), later = tai_clock_ms();

    ck_assert_uint_le(ms, us / 1000 + 1);
    ck_assert_uint_ge(later, us / 1000 + 1);
}
END_TEST

static int read_clock(void *data)
{
    *(apr_uint64_t *)data = tai_clock_us();
    return 0;
}

START_TEST(processes_share_it)
{
    apr_uint64_t *theirs = shared_block(sizeof(*theirs));
    const apr_uint64_t before = tai_clock_us();

    child_succeeds(in_child(read_clock, theirs));
    ck_assert_uint_ge(*theirs, before);
    ck_assert_uint_le(*theirs, tai_clock_us());
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, never_goes_back);
    tcase_add_test(tests, both_units_tell_the_same_time);
    tcase_add_test(tests, processes_share_it);
}

int main(void)
{
    return unit_run("clock", add);
}
