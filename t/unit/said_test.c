#include <string.h>
#include "core/limiter_local.h"
#include "core/limiter_shm.h"
#include "core/said.h"
#include "shared.h"
#include "unit.h"
#undef fail /* libcheck's */

/* What a shared limiter has said is told again while it is so, and not beyond. */

#define NOW     APR_UINT64_C(1000000)
#define TRUST   TAI_SAID_TRUST_MS
#define THE_END TAI_SAID_TO_THE_END

static const tai_lockout_t two = {{2, 60000}, 300000};
static tai_segment_t *segment;
static const char *error;

static void make_segment(void)
{
    void *block = shared_block(TAI_SEGMENT_MIN_BYTES);

    ck_assert_int_eq(tai_segment_format(block, TAI_SEGMENT_MIN_BYTES, 0, &segment), APR_SUCCESS);
}

/* ---- windows -------------------------------------------------------------------------------- */

/* As it was answered. */
static tai_charge_t answered(apr_uint64_t id, apr_uint32_t counted, apr_uint64_t wait_ms,
                             apr_uint64_t reset_ms)
{
    return (tai_charge_t){.table = tai_segment_table(segment, TAI_TABLE_WINDOWS),
                          .id = {id, id},
                          .limit = {5, 60000},
                          .view = {counted, wait_ms, reset_ms}};
}

static tai_charge_t asked(apr_uint64_t id)
{
    return answered(id, 0, 0, 0);
}

static tai_said_e recall(tai_charge_t *charges, int n, apr_uint64_t now, apr_uint64_t trust)
{
    return tai_said_full(segment, charges, n, now, trust);
}

static tai_said_e recall_one(apr_uint64_t id, apr_uint64_t now, apr_uint64_t trust)
{
    tai_charge_t one = asked(id);

    return recall(&one, 1, now, trust);
}

START_TEST(of_what_nobody_has_said_nothing_is_known)
{
    ck_assert_int_eq(recall_one(1, NOW, TRUST), TAI_SAID_NOTHING);
    ck_assert_int_eq(recall_one(1, NOW, THE_END), TAI_SAID_NOTHING);
}
END_TEST

START_TEST(a_full_window_is_full_until_then)
{
    tai_charge_t one = answered(1, 5, 3000, 3000);

    tai_said_note_full(segment, &one, 1, 0, NOW);
    one = asked(1);
    ck_assert_int_eq(recall(&one, 1, NOW + 1000, TRUST), TAI_SAID_NO);
    ck_assert_uint_eq(one.view.counted, 5);
    ck_assert_uint_eq(one.view.wait_ms, 2000);
    ck_assert_uint_eq(one.view.reset_ms, 2000);
    ck_assert_int_eq(recall_one(1, NOW + 2999, TRUST), TAI_SAID_NO);
    ck_assert_int_ne(recall_one(1, NOW + 3000, TRUST), TAI_SAID_NO);
    ck_assert_int_ne(recall_one(1, NOW + 3000, THE_END), TAI_SAID_NO);
    ck_assert_int_eq(recall_one(2, NOW, TRUST), TAI_SAID_NOTHING);
}
END_TEST

START_TEST(it_is_trusted_for_a_while_and_to_its_end_where_nobody_answers)
{
    tai_charge_t one = answered(1, 5, 60000, 50000);

    tai_said_note_full(segment, &one, 1, 0, NOW);
    ck_assert_int_eq(recall_one(1, NOW + TRUST - 1, TRUST), TAI_SAID_NO);
    ck_assert_int_eq(recall_one(1, NOW + TRUST, TRUST), TAI_SAID_OLD);
    ck_assert_int_eq(recall_one(1, NOW + 59999, THE_END), TAI_SAID_NO);
    ck_assert_int_ne(recall_one(1, NOW + 60000, THE_END), TAI_SAID_NO);
}
END_TEST

START_TEST(another_limit_is_asked_about)
{
    tai_charge_t one = answered(1, 5, 3000, 3000);

    tai_said_note_full(segment, &one, 1, 0, NOW);
    one.limit.max = 6;
    ck_assert_int_eq(recall(&one, 1, NOW, TRUST), TAI_SAID_OLD);
    ck_assert_int_eq(recall(&one, 1, NOW, THE_END), TAI_SAID_OLD);
}
END_TEST

START_TEST(where_there_is_room_again_nothing_is_said)
{
    tai_charge_t one = answered(1, 5, 3000, 3000);

    tai_said_note_full(segment, &one, 1, 0, NOW);
    tai_said_note_full(segment, &one, 1, 1, NOW + 1);
    ck_assert_int_eq(recall_one(1, NOW + 1, TRUST), TAI_SAID_NOTHING);
    ck_assert_int_eq(recall_one(1, NOW + 1, THE_END), TAI_SAID_NOTHING);
}
END_TEST

/* The answer tells of each. */
START_TEST(of_several_all_must_be_known)
{
    tai_charge_t all[] = {answered(1, 5, 3000, 3000), answered(2, 2, 0, 1000),
                          answered(3, 0, 0, 0)};

    tai_said_note_full(segment, all, 3, 0, NOW);
    memset(&all[1].view, 0, sizeof(all[1].view));
    ck_assert_int_eq(recall(all, 3, NOW + 100, TRUST), TAI_SAID_NO);
    ck_assert_uint_eq(all[1].view.counted, 2);
    ck_assert_uint_eq(all[1].view.wait_ms, 0);
    ck_assert_uint_eq(all[1].view.reset_ms, 900);
    ck_assert_uint_eq(all[2].view.counted, 0);
    ck_assert_int_eq(recall(all, 3, NOW + 1000, TRUST), TAI_SAID_OLD); /* one has left the second */
    ck_assert_int_eq(recall(all, 3, NOW + 1000, THE_END), TAI_SAID_NO);
    all[2] = asked(4);
    ck_assert_int_eq(recall(all, 3, NOW + 100, TRUST), TAI_SAID_OLD);
    ck_assert_int_eq(recall(all, 3, NOW + 100, THE_END), TAI_SAID_NO);
    ck_assert_int_ne(recall(all + 1, 1, NOW + 100, TRUST), TAI_SAID_NO); /* that was not full */
}
END_TEST

/* What is remembered is no admission, and no refusal, of the windows of this host. */
START_TEST(the_windows_of_this_host_are_others)
{
    tai_charge_t one = answered(1, 5, 3000, 3000);
    int admitted;

    tai_said_note_full(segment, &one, 1, 0, NOW);
    ck_assert_int_eq(tai_limiter_local.test(segment, &one, 1, NOW, &admitted, pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(admitted, 1);
    ck_assert_uint_eq(one.view.counted, 0);
    ck_assert_int_eq(tai_limiter_shm.test(segment, &one, 1, NOW, &admitted, pool, &error),
                     APR_SUCCESS);
    ck_assert_uint_eq(one.view.counted, 0);
}
END_TEST

/* ---- what was admitted elsewhere ------------------------------------------------------------ */

START_TEST(who_falls_back_goes_on_from_what_was_noted)
{
    tai_charge_t one = asked(1);
    int i, admitted;

    one.at = 77; /* of another clock */
    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(tai_limiter_local_note(segment, &one, 1, NOW + (apr_uint64_t)i),
                         APR_SUCCESS);
        ck_assert_uint_eq(one.at, 77);
        ck_assert_uint_eq(one.noted_at, NOW + (apr_uint64_t)i);
    }
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(
            tai_limiter_local.charge(segment, &one, 1, NULL, NOW + 10, &admitted, pool, &error),
            APR_SUCCESS);
        ck_assert_int_eq(admitted, i == 0);
    }
}
END_TEST

START_TEST(more_than_the_limit_may_be_noted)
{
    tai_charge_t one = asked(1);
    int i, admitted;

    for (i = 0; i < 100; i++) {
        ck_assert_int_eq(tai_limiter_local_note(segment, &one, 1, NOW + (apr_uint64_t)i),
                         APR_SUCCESS);
    }
    ck_assert_int_eq(tai_limiter_local.test(segment, &one, 1, NOW + 100, &admitted, pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(admitted, 0);
    ck_assert_uint_eq(one.view.counted, 100);
}
END_TEST

START_TEST(what_is_refunded_there_is_noted_no_longer)
{
    tai_charge_t one = asked(1);
    int admitted;

    ck_assert_int_eq(tai_limiter_local_note(segment, &one, 1, NOW), APR_SUCCESS);
    ck_assert_int_eq(tai_limiter_local_unnote(segment, &one, 1, NOW + 5), APR_SUCCESS);
    ck_assert_int_eq(tai_limiter_local.test(segment, &one, 1, NOW, &admitted, pool, &error),
                     APR_SUCCESS);
    ck_assert_uint_eq(one.view.counted, 0);
}
END_TEST

/* ---- locks ---------------------------------------------------------------------------------- */

static tai_count_t lock_of(apr_uint64_t id, apr_uint64_t left_ms)
{
    return (tai_count_t){
        .table = TAI_TABLE_PAIRS, .id = {id, id}, .lockout = &two, .left_ms = left_ms};
}

static apr_uint64_t left_of(apr_uint64_t id, apr_uint64_t now, apr_uint64_t trust)
{
    tai_count_t count = lock_of(id, 77);
    const tai_said_e said = tai_said_locked(segment, &count, now, trust);

    ck_assert_int_eq(said == TAI_SAID_NO, count.left_ms > 0);
    return count.left_ms;
}

START_TEST(a_lock_runs_until_then)
{
    const tai_count_t count = lock_of(1, 60000);

    tai_said_note_locked(segment, &count, 0, NOW);
    ck_assert_uint_eq(left_of(1, NOW + 1000, TRUST), 59000);
    ck_assert_uint_eq(left_of(1, NOW + TRUST, TRUST), 0);
    ck_assert_uint_eq(left_of(1, NOW + TRUST, THE_END), 60000 - TRUST);
    ck_assert_uint_eq(left_of(1, NOW + 60000, THE_END), 0);
    ck_assert_uint_eq(left_of(2, NOW, THE_END), 0);
}
END_TEST

START_TEST(a_lock_that_starts_runs)
{
    tai_count_t count = lock_of(1, 0);

    count.started = 1;
    tai_said_note_locked(segment, &count, 0, NOW);
    ck_assert_uint_eq(left_of(1, NOW + 1, TRUST), 299999);
}
END_TEST

START_TEST(that_it_does_not_run_is_known_beside_a_refusal)
{
    tai_count_t count = lock_of(1, 0);

    tai_said_note_locked(segment, &count, 0, NOW);
    ck_assert_int_eq(tai_said_locked(segment, &count, NOW, TRUST), TAI_SAID_NOTHING);
    tai_said_note_locked(segment, &count, 1, NOW);
    ck_assert_int_eq(tai_said_locked(segment, &count, NOW + TRUST - 1, TRUST), TAI_SAID_YES);
    ck_assert_int_eq(tai_said_locked(segment, &count, NOW + TRUST, TRUST), TAI_SAID_OLD);
}
END_TEST

/* On another host; here as soon as that is said. */
START_TEST(a_lock_that_was_lifted_is_forgotten)
{
    tai_count_t count = lock_of(1, 60000);

    tai_said_note_locked(segment, &count, 0, NOW);
    count.left_ms = 0;
    tai_said_note_locked(segment, &count, 0, NOW + TRUST);
    ck_assert_uint_eq(left_of(1, NOW + TRUST, TRUST), 0);
    ck_assert_uint_eq(left_of(1, NOW + TRUST, THE_END), 0);
}
END_TEST

START_TEST(an_operator_lifts_it)
{
    const tai_count_t counts[] = {lock_of(1, 60000), lock_of(2, 60000), lock_of(3, 60000)};
    int i;

    for (i = 0; i < 3; i++) {
        tai_said_note_locked(segment, &counts[i], 0, NOW);
    }
    ck_assert_int_eq(tai_said_unlock(segment, counts, 2, NOW), APR_SUCCESS);
    ck_assert_uint_eq(left_of(1, NOW, THE_END), 0);
    ck_assert_uint_eq(left_of(2, NOW, THE_END), 0);
    ck_assert_uint_eq(left_of(3, NOW, THE_END), 60000);
}
END_TEST

/* ---- log-ins -------------------------------------------------------------------------------- */

static tai_login_t try_of(const char *username, const char *client)
{
    const tai_limiter_t limiter = {&tai_limiter_local, segment};
    tai_login_t login = {.locked_ms = {0}};

    tai_login_make(&login, segment, &limiter, username, strlen(username), client, strlen(client),
                   &two);
    return login;
}

static apr_uint64_t left_of_login(const char *username, const char *client, apr_uint64_t now)
{
    const tai_login_t login = try_of(username, client);
    apr_uint64_t left_ms = 77;

    tai_said_login(segment, &login, now, TRUST, &left_ms);
    return left_ms;
}

START_TEST(locks_of_log_ins_are_told)
{
    tai_login_t login = try_of("eve", "here");

    login.locked_ms[TAI_LOGIN_PAIR] = 60000;
    tai_said_note_login(segment, &login, 0, NOW);
    ck_assert_uint_eq(left_of_login("eve", "here", NOW), 60000);
    ck_assert_uint_eq(left_of_login("eve", "there", NOW), 0);
    ck_assert_uint_eq(left_of_login("adam", "here", NOW), 0);
    ck_assert_uint_eq(left_of_login("eve", "here", NOW + TRUST), 0);
    login = try_of("adam", "there");
    tai_said_note_login(segment, &login, 1u << TAI_LOGIN_CLIENT, NOW);
    ck_assert_uint_eq(left_of_login("eve", "there", NOW), 300000);
    ck_assert_uint_eq(left_of_login("adam", "here", NOW), 0);
}
END_TEST

/* Who heard that it does not run asked before it began, or before he could know. */
START_TEST(a_lock_that_is_trusted_to_run_is_held)
{
    tai_count_t count = lock_of(1, 60000);
    tai_login_t login = try_of("eve", "here");

    tai_said_note_locked(segment, &count, 0, NOW);
    login.locked_ms[TAI_LOGIN_PAIR] = 60000;
    tai_said_note_login(segment, &login, 0, NOW);
    count.left_ms = 0;
    login.locked_ms[TAI_LOGIN_PAIR] = 0;
    tai_said_note_locked(segment, &count, 0, NOW - 1);
    tai_said_note_locked(segment, &count, 1, NOW + TRUST - 1);
    tai_said_note_login(segment, &login, 0, NOW - 1);
    ck_assert_uint_eq(left_of(1, NOW + 1, TRUST), 59999);
    ck_assert_uint_eq(left_of(1, NOW + TRUST, THE_END), 60000 - TRUST);
    ck_assert_uint_eq(left_of_login("eve", "here", NOW), 60000);
}
END_TEST

START_TEST(locks_of_log_ins_are_lifted)
{
    tai_login_t login = try_of("eve", "here");

    login.locked_ms[TAI_LOGIN_PAIR] = 60000;
    login.locked_ms[TAI_LOGIN_CLIENT] = 50000;
    tai_said_note_login(segment, &login, 0, NOW);
    login = try_of("eve", "anywhere");
    ck_assert_int_eq(tai_said_login_unlock(segment, &login, TAI_LOGIN_USERNAME, NOW), APR_SUCCESS);
    ck_assert_uint_eq(left_of_login("eve", "here", NOW), 50000);
    login = try_of("", "here");
    ck_assert_int_eq(tai_said_login_unlock(segment, &login, TAI_LOGIN_CLIENT, NOW), APR_SUCCESS);
    ck_assert_uint_eq(left_of_login("eve", "here", NOW), 0);
}
END_TEST

/* Another one, by a reload: it has said nothing yet. */
START_TEST(what_another_has_said_is_not_recalled)
{
    const tai_count_t count = lock_of(1, 60000);
    tai_charge_t one = answered(1, 5, 60000, 60000);
    tai_login_t login = try_of("eve", "here");

    tai_said_by(segment, "one", 3);
    tai_said_note_locked(segment, &count, 0, NOW);
    tai_said_note_full(segment, &one, 1, 0, NOW);
    login.locked_ms[TAI_LOGIN_PAIR] = 60000;
    tai_said_note_login(segment, &login, 0, NOW);
    tai_said_by(segment, "another", 7);
    ck_assert_uint_eq(left_of(1, NOW, THE_END), 0);
    ck_assert_int_eq(recall_one(1, NOW, THE_END), TAI_SAID_NOTHING);
    ck_assert_uint_eq(left_of_login("eve", "here", NOW), 0);
    tai_said_by(segment, "one", 3);
    ck_assert_uint_eq(left_of(1, NOW, THE_END), 60000);
    ck_assert_int_eq(recall_one(1, NOW, THE_END), TAI_SAID_NO);
    ck_assert_uint_eq(left_of_login("eve", "here", NOW), 60000);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_segment, NULL);
    tcase_add_test(tests, of_what_nobody_has_said_nothing_is_known);
    tcase_add_test(tests, a_full_window_is_full_until_then);
    tcase_add_test(tests, it_is_trusted_for_a_while_and_to_its_end_where_nobody_answers);
    tcase_add_test(tests, another_limit_is_asked_about);
    tcase_add_test(tests, where_there_is_room_again_nothing_is_said);
    tcase_add_test(tests, of_several_all_must_be_known);
    tcase_add_test(tests, the_windows_of_this_host_are_others);
    tcase_add_test(tests, who_falls_back_goes_on_from_what_was_noted);
    tcase_add_test(tests, more_than_the_limit_may_be_noted);
    tcase_add_test(tests, what_is_refunded_there_is_noted_no_longer);
    tcase_add_test(tests, a_lock_runs_until_then);
    tcase_add_test(tests, a_lock_that_starts_runs);
    tcase_add_test(tests, that_it_does_not_run_is_known_beside_a_refusal);
    tcase_add_test(tests, a_lock_that_was_lifted_is_forgotten);
    tcase_add_test(tests, an_operator_lifts_it);
    tcase_add_test(tests, what_another_has_said_is_not_recalled);
    tcase_add_test(tests, locks_of_log_ins_are_told);
    tcase_add_test(tests, a_lock_that_is_trusted_to_run_is_held);
    tcase_add_test(tests, locks_of_log_ins_are_lifted);
}

int main(void)
{
    return unit_run("said", add_tests);
}
