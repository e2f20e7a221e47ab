#include <string.h>
#include "core/limiter_local.h"
#include "core/limiter_shm.h"
#include "shared.h"
#include "unit.h"
#undef fail /* libcheck's */

/* What the limiters of shared memory answer; how windows and locks count has tests of its own. */

#define NOW APR_UINT64_C(1000000)

static const tai_lockout_t two = {{2, 60000}, 300000};

/* Each test runs with both. */
static const tai_limiter_ops_t *const limiters[] = {&tai_limiter_shm, &tai_limiter_local};

static tai_segment_t *segment;
static const char *error;

static void make_segment(void)
{
    void *block = shared_block(TAI_SEGMENT_MIN_BYTES);

    ck_assert_int_eq(tai_segment_format(block, TAI_SEGMENT_MIN_BYTES, 0, &segment), APR_SUCCESS);
}

/* ---- calls that must succeed ---------------------------------------------------------------- */

static tai_charge_t charge_of(apr_uint64_t id, apr_uint32_t max)
{
    return (tai_charge_t){.table = tai_segment_table(segment, TAI_TABLE_WINDOWS),
                          .id = {id, id},
                          .limit = {max, 60000}};
}

static tai_count_t count_of(tai_table_e table, apr_uint64_t id)
{
    return (tai_count_t){.table = table, .id = {id, id}, .lockout = &two};
}

static int charge(const tai_limiter_ops_t *ops, tai_charge_t *charges, int n, tai_count_t *lock,
                  apr_uint64_t now)
{
    int admitted = 77;

    ck_assert_int_eq(ops->charge(segment, charges, n, lock, now, &admitted, pool, &error),
                     APR_SUCCESS);
    return admitted;
}

static void fail(const tai_limiter_ops_t *ops, tai_count_t *counts, int n, apr_uint64_t now)
{
    ck_assert_int_eq(ops->fail(segment, counts, n, now, pool, &error), APR_SUCCESS);
}

static apr_uint64_t left_of(const tai_limiter_ops_t *ops, tai_count_t count, apr_uint64_t now)
{
    count.left_ms = 77;
    ck_assert_int_eq(ops->locked(segment, &count, 1, now, pool, &error), APR_SUCCESS);
    return count.left_ms;
}

static int unlock(const tai_limiter_ops_t *ops, const tai_count_t *counts, int n, apr_uint64_t now)
{
    int locks = 77;

    ck_assert_int_eq(ops->unlock(segment, counts, n, now, &locks, pool, &error), APR_SUCCESS);
    return locks;
}

/* ---- windows -------------------------------------------------------------------------------- */

START_TEST(all_windows_are_charged_or_none)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_charge_t charges[] = {charge_of(1, 5), charge_of(2, 1)};

    ck_assert_int_eq(charge(ops, charges, 2, NULL, NOW), 1);
    ck_assert_uint_eq(charges[0].view.counted, 1);
    ck_assert_uint_eq(charges[0].at, NOW);
    ck_assert_int_eq(charge(ops, charges, 2, NULL, NOW + 10), 0);
    ck_assert_uint_eq(charges[1].view.wait_ms, 59990);
    ck_assert_int_eq(charge(ops, charges, 1, NULL, NOW + 20), 1);
    ck_assert_uint_eq(charges[0].view.counted, 2);
}
END_TEST

START_TEST(the_caller_keeps_his_identities)
{
    tai_charge_t one = charge_of(1, 5);
    tai_count_t count = count_of(TAI_TABLE_PAIRS, 9);

    charge(limiters[_i], &one, 1, &count, NOW);
    fail(limiters[_i], &count, 1, NOW);
    ck_assert_uint_eq(one.id.hi, 1);
    ck_assert_uint_eq(one.id.lo, 1);
    ck_assert_uint_eq(count.id.hi, 9);
    ck_assert_uint_eq(count.id.lo, 9);
}
END_TEST

START_TEST(a_test_charges_nothing)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_charge_t one = charge_of(1, 1);
    int i, admitted;

    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(ops->test(segment, &one, 1, NOW, &admitted, pool, &error), APR_SUCCESS);
        ck_assert_int_eq(admitted, 1);
        ck_assert_uint_eq(one.view.counted, 0);
    }
    ck_assert_int_eq(charge(ops, &one, 1, NULL, NOW), 1);
    ck_assert_int_eq(ops->test(segment, &one, 1, NOW, &admitted, pool, &error), APR_SUCCESS);
    ck_assert_int_eq(admitted, 0);
}
END_TEST

START_TEST(a_refund_is_room_again)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_charge_t charges[] = {charge_of(1, 1), charge_of(2, 1)};

    ck_assert_int_eq(charge(ops, charges, 2, NULL, NOW), 1);
    ck_assert_int_eq(ops->refund(segment, charges, 2, NOW, pool, &error), APR_SUCCESS);
    ck_assert_int_eq(charge(ops, charges, 2, NULL, NOW), 1);
    ck_assert_int_eq(charge(ops, charges, 2, NULL, NOW), 0);
}
END_TEST

/* On a host that has been up for less than the window. */
START_TEST(what_was_not_noted_takes_nobody_else_s_admission_back)
{
    tai_charge_t one = charge_of(1, 2);

    ck_assert_int_eq(charge(&tai_limiter_local, &one, 1, NULL, 10), 1);
    one.noted_at = 0;
    ck_assert_int_eq(tai_limiter_local_unnote(segment, &one, 1, 20), APR_SUCCESS);
    ck_assert_int_eq(charge(&tai_limiter_local, &one, 1, NULL, 30), 1);
    ck_assert_uint_eq(one.view.counted, 2);
}
END_TEST

START_TEST(too_many_windows_fail)
{
    tai_charge_t charges[TAI_TABLE_LOCK_MAX + 1];
    int i, admitted = 77;

    for (i = 0; i <= TAI_TABLE_LOCK_MAX; i++) {
        charges[i] = charge_of((apr_uint64_t)i, 1);
    }
    error = NULL;
    ck_assert_int_ne(limiters[_i]->charge(segment, charges, TAI_TABLE_LOCK_MAX + 1, NULL, NOW,
                                          &admitted, pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(admitted, 0);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(charge(limiters[_i], charges, TAI_TABLE_LOCK_MAX, NULL, NOW), 1);
}
END_TEST

/* ---- locks ---------------------------------------------------------------------------------- */

START_TEST(one_failure_counts_in_each)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_count_t counts[] = {count_of(TAI_TABLE_PAIRS, 1), count_of(TAI_TABLE_CLIENTS, 1)};

    fail(ops, counts + 1, 1, NOW);
    ck_assert_int_eq(counts[1].started, 0);
    fail(ops, counts, 2, NOW);
    ck_assert_int_eq(counts[0].started, 0);
    ck_assert_int_eq(counts[1].started, 1);
    ck_assert_uint_eq(counts[1].left_ms, 0);
    fail(ops, counts, 2, NOW + 100);
    ck_assert_int_eq(counts[0].started, 1);
    ck_assert_uint_eq(counts[1].left_ms, 299900);
    ck_assert_int_eq(counts[1].started, 0);
    ck_assert_uint_eq(left_of(ops, counts[0], NOW + 100), 300000);
    ck_assert_uint_eq(left_of(ops, count_of(TAI_TABLE_PAIRS, 2), NOW + 100), 0);
}
END_TEST

/* What is behind it is not counted: neither a failure more, nor one that would tell of another lock. */
START_TEST(a_lock_that_runs_ends_the_counting)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_count_t counts[] = {count_of(TAI_TABLE_PAIRS, 1), count_of(TAI_TABLE_CLIENTS, 1)};
    int i;

    fail(ops, counts, 1, NOW);
    fail(ops, counts, 1, NOW);
    ck_assert_int_eq(counts[0].started, 1);
    for (i = 0; i < 5; i++) {
        counts[1].left_ms = 77;
        fail(ops, counts, 2, NOW);
        ck_assert_uint_eq(counts[0].left_ms, 300000);
        ck_assert_uint_eq(counts[1].left_ms, 0);
        ck_assert_int_eq(counts[1].started, 0);
    }
    ck_assert_uint_eq(left_of(ops, counts[1], NOW), 0);
    fail(ops, counts + 1, 1, NOW);
    ck_assert_int_eq(counts[1].started, 0);
}
END_TEST

START_TEST(who_is_locked_is_not_charged)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_count_t lock = count_of(TAI_TABLE_PAIRS, 1);
    tai_charge_t one = charge_of(1, 1);

    ck_assert_int_eq(charge(ops, NULL, 0, &lock, NOW), 1);
    ck_assert_uint_eq(lock.left_ms, 0);
    fail(ops, &lock, 1, NOW);
    fail(ops, &lock, 1, NOW);
    ck_assert_int_eq(charge(ops, NULL, 0, &lock, NOW), 0);
    ck_assert_uint_eq(lock.left_ms, 300000);
    ck_assert_int_eq(charge(ops, &one, 1, &lock, NOW), 0);
    ck_assert_uint_eq(lock.left_ms, 300000);
    ck_assert_int_eq(charge(ops, &one, 1, NULL, NOW), 1);
    ck_assert_int_eq(charge(ops, &one, 1, &lock, NOW + 300000), 1);
    ck_assert_uint_eq(lock.left_ms, 0);
    ck_assert_int_eq(charge(ops, &one, 1, &lock, NOW + 300000), 0);
    ck_assert_uint_eq(lock.left_ms, 0);
}
END_TEST

START_TEST(locks_are_lifted)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_count_t counts[] = {count_of(TAI_TABLE_CLIENTS, 1), count_of(TAI_TABLE_CLIENTS, 2),
                            count_of(TAI_TABLE_PAIRS, 1)};

    ck_assert_int_eq(unlock(ops, counts, 3, NOW), 0);
    fail(ops, counts, 2, NOW);
    fail(ops, counts, 3, NOW);
    ck_assert_int_eq(unlock(ops, counts, 3, NOW), 2);
    ck_assert_uint_eq(left_of(ops, counts[0], NOW), 0);
    ck_assert_int_eq(unlock(ops, counts, 3, NOW), 0);
    fail(ops, counts, 3, NOW); /* what had been counted is forgotten */
    ck_assert_uint_eq(left_of(ops, counts[2], NOW), 0);
}
END_TEST

/* ---- log-ins -------------------------------------------------------------------------------- */

static tai_login_t try_of(const tai_limiter_ops_t *ops, const char *username, const char *client)
{
    const tai_limiter_t limiter = {ops, segment};
    tai_login_t login;

    tai_login_make(&login, segment, &limiter, username, strlen(username), client, strlen(client),
                   &two);
    return login;
}

static apr_uint64_t begin(const tai_limiter_ops_t *ops, tai_login_t *login)
{
    apr_uint64_t left_ms = 77;

    ck_assert_int_eq(ops->login_begin(segment, login, NOW, &left_ms, pool, &error), APR_SUCCESS);
    return left_ms;
}

/* @return the locks that it started */
static unsigned wrong(const tai_limiter_ops_t *ops, const char *username, const char *client)
{
    tai_login_t login = try_of(ops, username, client);
    unsigned started = 77;

    ck_assert_uint_eq(begin(ops, &login), 0);
    ck_assert_int_eq(ops->login_fail(segment, &login, NOW, &started, pool, &error), APR_SUCCESS);
    return started;
}

static int login_unlock(const tai_limiter_ops_t *ops, const tai_login_t *login,
                        tai_login_count_e which)
{
    int lifted = 77;

    ck_assert_int_eq(ops->login_unlock(segment, login, which, NOW, &lifted, pool, &error),
                     APR_SUCCESS);
    return lifted;
}

START_TEST(log_ins_count)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_login_t login = try_of(ops, "eve", "here");

    ck_assert_uint_eq(wrong(ops, "eve", "here"), 0);
    ck_assert_uint_eq(wrong(ops, "eve", "here"), 1u << TAI_LOGIN_PAIR);
    ck_assert_uint_eq(begin(ops, &login), 300000);
    login = try_of(ops, "eve", "there");
    ck_assert_uint_eq(begin(ops, &login), 0);
}
END_TEST

START_TEST(a_try_that_is_taken_back_counts_no_longer)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_login_t login = try_of(ops, "eve", "here");
    int right, i;

    for (right = 0; right <= 1; right++) {
        for (i = 0; i < 50; i++) {
            ck_assert_uint_eq(begin(ops, &login), 0);
            ck_assert_int_eq(ops->login_end(segment, &login, NOW, right, pool, &error),
                             APR_SUCCESS);
        }
    }
    ck_assert_uint_eq(begin(ops, &login), 0);
    ck_assert_uint_eq(begin(ops, &login), 0);
    ck_assert_uint_ne(begin(ops, &login), 0);
}
END_TEST

START_TEST(log_ins_are_unlocked)
{
    const tai_limiter_ops_t *ops = limiters[_i];
    tai_login_t elsewhere = try_of(ops, "eve", "elsewhere");
    tai_login_t here = try_of(ops, "eve", "here");
    int i;

    for (i = 0; i < 2; i++) {
        wrong(ops, "eve", "here");
        wrong(ops, "eve", "there");
        wrong(ops, "adam", "here");
    }
    ck_assert_int_eq(login_unlock(ops, &elsewhere, TAI_LOGIN_USERNAME), 2);
    ck_assert_uint_eq(begin(ops, &here), 0);
    here = try_of(ops, "adam", "here");
    ck_assert_uint_ne(begin(ops, &here), 0);
    ck_assert_int_eq(login_unlock(ops, &here, TAI_LOGIN_CLIENT), 0);
    for (i = 0; i < 20; i++) {
        here = try_of(ops, "seth", "somewhere");
        here.ids[TAI_LOGIN_PAIR].hi += (apr_uint64_t)i; /* as if from as many clients */
        ck_assert_uint_eq(begin(ops, &here), 0);
    }
    ck_assert_int_eq(ops->login_fail(segment, &here, NOW, &(unsigned){0}, pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(login_unlock(ops, &here, TAI_LOGIN_CLIENT), 1);
    ck_assert_uint_ne(begin(ops, &here), 0); /* the user name's own lock stands */
}
END_TEST

/* ---- identities ----------------------------------------------------------------------------- */

START_TEST(identities_are_those_of_the_segment)
{
    const tai_id_t id = tai_limiter_shm.identify(segment, "who", 3);
    const tai_id_t own = tai_segment_id(segment, "who", 3);

    ck_assert_uint_eq(id.hi, own.hi);
    ck_assert_uint_eq(id.lo, own.lo);
}
END_TEST

/* Who knows an identity of the other limiter knows nothing of its place here. */
START_TEST(identities_of_others_are_folded)
{
    tai_charge_t one = charge_of(1, 1);
    tai_count_t count = count_of(TAI_TABLE_CLIENTS, 1);

    ck_assert_int_eq(charge(&tai_limiter_local, &one, 1, NULL, NOW), 1);
    ck_assert_int_eq(charge(&tai_limiter_local, &one, 1, NULL, NOW), 0);
    ck_assert_int_eq(charge(&tai_limiter_shm, &one, 1, NULL, NOW), 1);
    one.id = tai_segment_id(segment, &one.id, sizeof(one.id));
    ck_assert_int_eq(charge(&tai_limiter_shm, &one, 1, NULL, NOW), 0);
    fail(&tai_limiter_local, &count, 1, NOW);
    fail(&tai_limiter_local, &count, 1, NOW);
    ck_assert_uint_ne(left_of(&tai_limiter_local, count, NOW), 0);
    ck_assert_uint_eq(left_of(&tai_limiter_shm, count, NOW), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_segment, NULL);
    tcase_add_loop_test(tests, all_windows_are_charged_or_none, 0, ROWS(limiters));
    tcase_add_loop_test(tests, the_caller_keeps_his_identities, 0, ROWS(limiters));
    tcase_add_loop_test(tests, a_test_charges_nothing, 0, ROWS(limiters));
    tcase_add_loop_test(tests, a_refund_is_room_again, 0, ROWS(limiters));
    tcase_add_test(tests, what_was_not_noted_takes_nobody_else_s_admission_back);
    tcase_add_loop_test(tests, too_many_windows_fail, 0, ROWS(limiters));
    tcase_add_loop_test(tests, one_failure_counts_in_each, 0, ROWS(limiters));
    tcase_add_loop_test(tests, a_lock_that_runs_ends_the_counting, 0, ROWS(limiters));
    tcase_add_loop_test(tests, who_is_locked_is_not_charged, 0, ROWS(limiters));
    tcase_add_loop_test(tests, locks_are_lifted, 0, ROWS(limiters));
    tcase_add_loop_test(tests, log_ins_count, 0, ROWS(limiters));
    tcase_add_loop_test(tests, a_try_that_is_taken_back_counts_no_longer, 0, ROWS(limiters));
    tcase_add_loop_test(tests, log_ins_are_unlocked, 0, ROWS(limiters));
    tcase_add_test(tests, identities_are_those_of_the_segment);
    tcase_add_test(tests, identities_of_others_are_folded);
}

int main(void)
{
    return unit_run("limiter", add_tests);
}
