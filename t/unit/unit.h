#ifndef UNIT_H
#define UNIT_H

#include <stdlib.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <check.h>

/* One suite as one program. Rows of a table are loop tests: each is told and fails for itself. */

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

static apr_pool_t *pool; /* of the running test */

static void make_pool(void)
{
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
}

static void destroy_pool(void)
{
    apr_pool_destroy(pool);
}

/**
 * Run a suite whose tests have a pool.
 * @param name  of the suite
 * @param add   adds the tests to its one case
 * @return for main: success only if something ran and nothing failed
 */
static int unit_run(const char *name, void (*add)(TCase *tests))
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    SRunner *runner = srunner_create(suite);
    int ran, failed;

    apr_initialize();
    tcase_add_checked_fixture(tests, make_pool, destroy_pool);
    add(tests);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    ran = srunner_ntests_run(runner);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    apr_terminate();
    return ran > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
