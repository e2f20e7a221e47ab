#include <string.h>
#include <apr_strings.h>
#include "chance.h"
#include "tries.h"

static const tai_lockout_t five = {{5, 300000}, 900000};

/* ---- tries ---------------------------------------------------------------------------------- */

static tai_login_t try_of(const char *username, const char *client, const tai_lockout_t *lockout)
{
    tai_login_t login;

    make_try(&login, username, strlen(username), client, strlen(client), lockout);
    return login;
}

/* A whole wrong try. @return the locks that it started */
static unsigned wrong(const char *username, const char *client, apr_uint64_t now)
{
    tai_login_t login = try_of(username, client, &five);

    ck_assert_uint_eq(begin(&login, now), 0);
    return fail_of(&login, now);
}

static void right(const char *username, const char *client, apr_uint64_t now)
{
    tai_login_t login = try_of(username, client, &five);

    ck_assert_uint_eq(begin(&login, now), 0);
    end(&login, now, 1);
}

/* Would there be room? Leaves no trace. */
static apr_uint64_t left(const char *username, const char *client, apr_uint64_t now)
{
    tai_login_t login = try_of(username, client, &five);
    const apr_uint64_t left_ms = begin(&login, now);

    if (left_ms == 0) {
        end(&login, now, 0);
    }
    return left_ms;
}

static const char *number(const char *text, int i)
{
    return apr_psprintf(pool, "%s%d", text, i);
}

/* ---- one after the other -------------------------------------------------------------------- */

START_TEST(the_nth_failure_locks_the_pair)
{
    int i;

    for (i = 0; i < 4; i++) {
        ck_assert_uint_eq(wrong("eve", "here", NOW), 0);
    }
    ck_assert_uint_eq(wrong("eve", "here", NOW), 1u << TAI_LOGIN_PAIR);
    ck_assert_uint_eq(left("eve", "here", NOW), 900000);
    ck_assert_uint_eq(left("eve", "here", NOW + 899999), 1);
    ck_assert_uint_eq(left("eve", "here", NOW + 900000), 0);
    ck_assert_uint_eq(left("eve", "there", NOW), 0);
    ck_assert_uint_eq(left("adam", "here", NOW), 0);
}
END_TEST

START_TEST(ten_times_n_failures_lock_the_user_name)
{
    int i;

    for (i = 0; i < 49; i++) {
        ck_assert_uint_eq(wrong("eve", number("client", i / 4), NOW), 0);
    }
    ck_assert_uint_eq(wrong("eve", "client99", NOW), 1u << TAI_LOGIN_USERNAME);
    ck_assert_uint_eq(left("eve", "elsewhere", NOW), 900000);
    ck_assert_uint_eq(left("adam", "client99", NOW), 0);
}
END_TEST

START_TEST(ten_times_n_failures_lock_the_client)
{
    int i;

    for (i = 0; i < 49; i++) {
        ck_assert_uint_eq(wrong(number("user", i), "here", NOW), 0);
    }
    ck_assert_uint_eq(wrong("user99", "here", NOW), 1u << TAI_LOGIN_CLIENT);
    ck_assert_uint_eq(left("adam", "here", NOW), 900000);
    ck_assert_uint_eq(left("user99", "there", NOW), 0);
}
END_TEST

/* Failures of keys are others, though they stand in the same table. */
START_TEST(a_lock_is_none_of_keys)
{
    tai_login_t login = try_of("eve", "here", &five);
    const tai_id_t of_keys = tai_segment_id(segment, "here", 4);
    apr_uint64_t left_ms;
    int i;

    for (i = 0; i < 50; i++) {
        wrong(number("user", i), "here", NOW);
    }
    ck_assert_uint_gt(begin(&login, NOW), 0);
    ck_assert_int_eq(
        tai_failures_locked(tai_segment_table(segment, TAI_TABLE_CLIENTS), of_keys, NOW, &left_ms),
        APR_SUCCESS);
    ck_assert_uint_eq(left_ms, 0);
}
END_TEST

/* Nothing but the bytes counts: neither whether there is such a user, nor what they are. */
static const struct {
    const char *username;
    apr_size_t len;
} usernames[] = {
    {"", 0}, {"\0", 1}, {"a\0b", 3}, {"\377\376", 2}, {"eve ", 4}, {"EVE", 3},
};

START_TEST(any_bytes_are_a_user_name)
{
    tai_login_t login;
    int i;

    make_try(&login, usernames[_i].username, usernames[_i].len, "here", 4, &five);
    for (i = 0; i < 5; i++) {
        ck_assert_uint_eq(begin(&login, NOW), 0);
        ck_assert_uint_eq(fail_of(&login, NOW), i < 4 ? 0 : 1u << TAI_LOGIN_PAIR);
    }
    ck_assert_uint_eq(begin(&login, NOW), 900000);
    for (i = 0; i < ROWS(usernames); i++) {
        make_try(&login, usernames[i].username, usernames[i].len, "here", 4, &five);
        ck_assert_uint_eq(begin(&login, NOW), i == _i ? 900000 : 0);
    }
    ck_assert_uint_eq(left("eve", "here", NOW), 0);
}
END_TEST

START_TEST(where_a_name_ends_and_a_client_begins_is_told)
{
    int i;

    for (i = 0; i < 5; i++) {
        wrong("evehe", "re", NOW);
    }
    ck_assert_uint_gt(left("evehe", "re", NOW), 0);
    ck_assert_uint_eq(left("eve", "here", NOW), 0);
}
END_TEST

START_TEST(failures_leave_the_window)
{
    int i;

    for (i = 0; i < 4; i++) {
        ck_assert_uint_eq(wrong("eve", "here", NOW + (apr_uint64_t)i), 0);
    }
    ck_assert_uint_eq(wrong("eve", "here", NOW + 300000), 0);
    ck_assert_uint_eq(wrong("eve", "here", NOW + 300000), 1u << TAI_LOGIN_PAIR);
}
END_TEST

START_TEST(tries_during_a_lock_neither_count_nor_prolong)
{
    int i;

    for (i = 0; i < 5; i++) {
        wrong("eve", "here", NOW);
    }
    for (i = 0; i < 200; i++) {
        ck_assert_uint_eq(left("eve", "here", NOW + 800000), 100000);
    }
    for (i = 0; i < 4; i++) {
        ck_assert_uint_eq(wrong("eve", "here", NOW + 900000), 0);
    }
    ck_assert_uint_eq(left("adam", "here", NOW + 900000), 0);
}
END_TEST

/* The user's own counts begin anew; his client's do not, else who has one account could guess on. */
START_TEST(the_right_password_clears_its_user_name)
{
    int i;

    for (i = 0; i < 45; i++) {
        wrong("eve", number("client", i), NOW);
    }
    for (i = 0; i < 4; i++) {
        wrong("eve", "here", NOW);
    }
    right("eve", "here", NOW);
    for (i = 0; i < 4; i++) {
        ck_assert_uint_eq(wrong("eve", "here", NOW), 0);
    }
    /* 8 of 50 tries of this client are counted: 42 are left */
    for (i = 0; i < 41; i++) {
        ck_assert_uint_eq(wrong(number("user", i), "here", NOW), 0);
    }
    ck_assert_uint_eq(wrong("adam", "here", NOW), 1u << TAI_LOGIN_CLIENT);
}
END_TEST

/* ---- unlocking ------------------------------------------------------------------------------ */

static int unlock_username(const char *username, apr_uint64_t now)
{
    const tai_login_t login = try_of(username, "nowhere", &five);
    int lifted = 77;

    ck_assert_int_eq(tai_login_unlock(&login, TAI_LOGIN_USERNAME, now, &lifted), APR_SUCCESS);
    return lifted;
}

static int unlock_client(const char *client, apr_uint64_t now)
{
    const tai_login_t login = try_of("nobody", client, &five);
    int lifted = 77;

    ck_assert_int_eq(tai_login_unlock(&login, TAI_LOGIN_CLIENT, now, &lifted), APR_SUCCESS);
    return lifted;
}

START_TEST(a_user_name_is_unlocked_wherever_it_was_tried)
{
    int i;

    for (i = 0; i < 5; i++) {
        wrong("eve", "here", NOW);
        wrong("eve", "there", NOW);
        wrong("adam", "here", NOW);
    }
    for (i = 10; i < 50; i++) {
        wrong("eve", number("client", i), NOW);
    }
    ck_assert_uint_gt(left("eve", "elsewhere", NOW), 0);
    ck_assert_int_eq(unlock_username("eve", NOW), 3);
    ck_assert_uint_eq(left("eve", "here", NOW), 0);
    ck_assert_uint_eq(left("eve", "there", NOW), 0);
    ck_assert_uint_eq(left("eve", "elsewhere", NOW), 0);
    ck_assert_uint_gt(left("adam", "here", NOW), 0);
    ck_assert_int_eq(unlock_username("eve", NOW), 0);
    for (i = 0; i < 4; i++) { /* the count begins anew, and locks as ever */
        ck_assert_uint_eq(wrong("eve", "here", NOW), 0);
    }
    ck_assert_uint_eq(wrong("eve", "here", NOW), 1u << TAI_LOGIN_PAIR);
}
END_TEST

START_TEST(unlocking_a_user_name_forgets_what_has_not_locked)
{
    int i;

    for (i = 0; i < 4; i++) {
        wrong("eve", "here", NOW);
    }
    ck_assert_int_eq(unlock_username("eve", NOW), 0);
    ck_assert_uint_eq(wrong("eve", "here", NOW), 0);
    ck_assert_int_eq(unlock_username("nobody", NOW), 0);
}
END_TEST

START_TEST(a_client_is_unlocked_whatever_names_it_tried)
{
    int i;

    for (i = 0; i < 50; i++) {
        wrong(number("user", i), "here", NOW);
    }
    ck_assert_uint_gt(left("adam", "here", NOW), 0);
    ck_assert_int_eq(unlock_client("there", NOW), 0);
    ck_assert_int_eq(unlock_client("here", NOW), 1);
    ck_assert_uint_eq(left("adam", "here", NOW), 0);
    ck_assert_int_eq(unlock_client("here", NOW), 0);
}
END_TEST

START_TEST(what_nobody_could_answer_counts_nowhere)
{
    tai_login_t login = try_of("eve", "here", &five);
    int i;

    for (i = 0; i < 200; i++) {
        ck_assert_uint_eq(begin(&login, NOW), 0);
        end(&login, NOW, 0);
    }
    for (i = 0; i < 4; i++) {
        ck_assert_uint_eq(wrong("eve", "here", NOW), 0);
    }
    ck_assert_uint_eq(begin(&login, NOW), 0);
    end(&login, NOW, 0);
    ck_assert_uint_eq(wrong("eve", "here", NOW), 1u << TAI_LOGIN_PAIR);
}
END_TEST

/* ---- at the same time ----------------------------------------------------------------------- */

START_TEST(tries_under_way_count)
{
    tai_login_t login[5], sixth = try_of("eve", "here", &five);
    int i;

    for (i = 0; i < 5; i++) {
        login[i] = try_of("eve", "here", &five);
        ck_assert_uint_eq(begin(&login[i], NOW + (apr_uint64_t)i), 0);
    }
    /* no lock runs yet: there is room when the oldest leaves the window */
    ck_assert_uint_eq(begin(&sixth, NOW + 10), 300000 - 10);
    end(&login[0], NOW + 10, 1);
    ck_assert_uint_eq(begin(&sixth, NOW + 10), 0);
}
END_TEST

START_TEST(a_try_that_nobody_ends_stays_counted)
{
    tai_login_t login = try_of("eve", "here", &five);
    int i;

    for (i = 0; i < 4; i++) {
        wrong("eve", "here", NOW);
    }
    ck_assert_uint_eq(begin(&login, NOW), 0);
    ck_assert_uint_eq(left("eve", "here", NOW + 1), 299999);
    ck_assert_uint_eq(left("eve", "here", NOW + 300000), 0);
}
END_TEST

/* The lock that a failure starts is not undone by a try that began before it. */
START_TEST(a_late_end_takes_nothing_from_others)
{
    static const tai_lockout_t brief = {{2, 300000}, 1000};
    tai_login_t slow = try_of("eve", "here", &brief), quick = try_of("eve", "here", &brief);

    ck_assert_uint_eq(begin(&slow, NOW), 0);
    ck_assert_uint_eq(begin(&quick, NOW), 0);
    ck_assert_uint_eq(fail_of(&quick, NOW), 1u << TAI_LOGIN_PAIR);
    ck_assert_uint_eq(begin(&quick, NOW + 1), 999);
    ck_assert_uint_eq(begin(&quick, NOW + 1000), 0);
    end(&slow, NOW + 1001, 0);
    ck_assert_uint_eq(begin(&slow, NOW + 1002), 0);
    ck_assert_uint_eq(fail_of(&slow, NOW + 1002), 1u << TAI_LOGIN_PAIR);
}
END_TEST

START_TEST(nor_does_one_that_has_left_the_window)
{
    tai_login_t slow = try_of("eve", "here", &five);
    int i;

    ck_assert_uint_eq(begin(&slow, NOW), 0);
    for (i = 0; i < 4; i++) {
        ck_assert_uint_eq(wrong("eve", "here", NOW + 300000), 0);
    }
    end(&slow, NOW + 300000, 0);
    ck_assert_uint_eq(wrong("eve", "here", NOW + 300000), 1u << TAI_LOGIN_PAIR);
}
END_TEST

/* ---- many processes ------------------------------------------------------------------------- */

#define CHILDREN 8
#define TRIES    400

static const struct {
    int usernames, clients; /* how many there are to choose from */
    apr_uint32_t evaluated; /* of all that is tried */
    unsigned lock;
} crowds[] = {
    {1, 1, 5, 1u << TAI_LOGIN_PAIR},
    {1, 100, 50, 1u << TAI_LOGIN_USERNAME},
    {100, 1, 50, 1u << TAI_LOGIN_CLIENT},
};

typedef struct stage_t {
    int crowd;
    int arrived;
    apr_uint32_t evaluated;
    apr_uint32_t started;
} stage_t;

static int guess(void *data)
{
    stage_t *stage = data;
    apr_uint64_t chance = (apr_uint64_t)getpid();
    int i;

    meet(&stage->arrived, CHILDREN);
    for (i = 0; i < TRIES; i++) {
        const apr_uint64_t user =
            chance_below(&chance, (apr_uint64_t)crowds[stage->crowd].usernames);
        const apr_uint64_t client =
            chance_below(&chance, (apr_uint64_t)crowds[stage->crowd].clients);
        tai_login_t login;
        apr_uint64_t left_ms;
        unsigned started;

        make_try(&login, &user, sizeof(user), &client, sizeof(client), &five);
        if (tai_login_begin(&login, NOW, &left_ms) != APR_SUCCESS) {
            return 1;
        }
        if (left_ms == 0) {
            __atomic_add_fetch(&stage->evaluated, 1, __ATOMIC_RELAXED);
            if (tai_login_fail(&login, NOW, &started) != APR_SUCCESS) {
                return 1;
            }
            __atomic_add_fetch(&stage->started, (started & crowds[stage->crowd].lock) != 0,
                               __ATOMIC_RELAXED);
        }
    }
    return 0;
}

static void all_succeed(int (*part)(void *), stage_t *stage)
{
    pid_t pids[CHILDREN];
    int i;

    for (i = 0; i < CHILDREN; i++) {
        pids[i] = in_child(part, stage);
    }
    for (i = 0; i < CHILDREN; i++) {
        child_succeeds(pids[i]);
    }
}

START_TEST(no_more_are_evaluated_than_the_policy_says)
{
    stage_t *stage = shared_block(sizeof(*stage));

    stage->crowd = _i;
    all_succeed(guess, stage);
    ck_assert_uint_eq(stage->evaluated, crowds[_i].evaluated);
    ck_assert_uint_eq(stage->started, 1);
}
END_TEST

/* Fewer at once than N: who knows the password is never told to wait. */
static int know(void *data)
{
    static const tai_lockout_t nine = {{CHILDREN + 1, 300000}, 900000};
    stage_t *stage = data;
    tai_login_t login = try_of("eve", "here", &nine);
    apr_uint64_t left_ms;
    int i;

    meet(&stage->arrived, CHILDREN);
    for (i = 0; i < TRIES; i++) {
        if (tai_login_begin(&login, NOW + (apr_uint64_t)i, &left_ms) != APR_SUCCESS ||
            left_ms != 0 || tai_login_end(&login, NOW + (apr_uint64_t)i, 1) != APR_SUCCESS) {
            return 1;
        }
    }
    return 0;
}

START_TEST(right_passwords_leave_no_trace)
{
    all_succeed(know, shared_block(sizeof(stage_t)));
    ck_assert_uint_eq(left("eve", "here", NOW + TRIES), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_segment, NULL);
    tcase_add_test(tests, the_nth_failure_locks_the_pair);
    tcase_add_test(tests, ten_times_n_failures_lock_the_user_name);
    tcase_add_test(tests, ten_times_n_failures_lock_the_client);
    tcase_add_test(tests, a_lock_is_none_of_keys);
    tcase_add_loop_test(tests, any_bytes_are_a_user_name, 0, ROWS(usernames));
    tcase_add_test(tests, where_a_name_ends_and_a_client_begins_is_told);
    tcase_add_test(tests, failures_leave_the_window);
    tcase_add_test(tests, tries_during_a_lock_neither_count_nor_prolong);
    tcase_add_test(tests, the_right_password_clears_its_user_name);
    tcase_add_test(tests, a_user_name_is_unlocked_wherever_it_was_tried);
    tcase_add_test(tests, unlocking_a_user_name_forgets_what_has_not_locked);
    tcase_add_test(tests, a_client_is_unlocked_whatever_names_it_tried);
    tcase_add_test(tests, what_nobody_could_answer_counts_nowhere);
    tcase_add_test(tests, tries_under_way_count);
    tcase_add_test(tests, a_try_that_nobody_ends_stays_counted);
    tcase_add_test(tests, a_late_end_takes_nothing_from_others);
    tcase_add_test(tests, nor_does_one_that_has_left_the_window);
    tcase_add_loop_test(tests, no_more_are_evaluated_than_the_policy_says, 0, ROWS(crowds));
    tcase_add_test(tests, right_passwords_leave_no_trace);
}

int main(void)
{
    return unit_run("log-ins", add);
}
