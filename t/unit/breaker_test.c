#include "core/breaker.h"
#include "shared.h"
#include "unit.h"

/* Who has waited in vain spares all others the wait; of those who come later one at a time tries. */

#define TRY      500  /* milliseconds */
#define REST     1000 /* milliseconds */
#define EVERY    60000
#define CHILDREN 6
#define ROUNDS   2000

/* What the children of a test share. */
typedef struct board_t {
    tai_breaker_t breaker;
    int met[ROUNDS][2];
    int passed;
    int opened;
    int told;
} board_t;

static board_t *board;
static tai_breaker_t *breaker;

static void make_board(void)
{
    board = shared_block(sizeof(*board));
    breaker = &board->breaker;
}

static void go_wrong(apr_uint64_t now, tai_breaker_e changed)
{
    ck_assert_int_eq(tai_breaker_report(breaker, 0, now, REST), changed);
}

static void answer(apr_uint64_t now, tai_breaker_e changed)
{
    ck_assert_int_eq(tai_breaker_report(breaker, 1, now, REST), changed);
}

static int pass(apr_uint64_t now)
{
    return tai_breaker_pass(breaker, now, TRY);
}

START_TEST(closed_it_lets_everybody_pass)
{
    for (apr_uint64_t now = 1; now < 100; now++) {
        ck_assert(pass(now));
        ck_assert(!tai_breaker_rests(breaker, now));
        answer(now, TAI_BREAKER_SAME);
    }
    ck_assert_uint_eq(breaker->opened, 0);
}
END_TEST

START_TEST(after_a_failure_nobody_passes_for_a_while)
{
    go_wrong(100, TAI_BREAKER_OPENED);
    ck_assert(!pass(100));
    ck_assert(!pass(100 + REST - 1));
    ck_assert(tai_breaker_rests(breaker, 100 + REST - 1));
    ck_assert(!tai_breaker_rests(breaker, 100 + REST));
}
END_TEST

START_TEST(then_one_tries)
{
    go_wrong(100, TAI_BREAKER_OPENED);
    ck_assert(pass(100 + REST));
    ck_assert(!pass(100 + REST));
    ck_assert(!pass(100 + REST + TRY - 1));
}
END_TEST

START_TEST(one_who_dies_trying_is_followed_by_another)
{
    go_wrong(100, TAI_BREAKER_OPENED);
    ck_assert(pass(100 + REST));
    ck_assert(pass(100 + REST + TRY));
}
END_TEST

START_TEST(one_who_does_not_come_to_ask_leaves_it_to_another)
{
    tai_breaker_untried(breaker, 50, REST);
    ck_assert(pass(50)); /* closed, it stays so */
    go_wrong(100, TAI_BREAKER_OPENED);
    ck_assert(pass(100 + REST));
    tai_breaker_untried(breaker, 100 + REST, REST);
    ck_assert(!pass(100 + REST + REST - 1));
    ck_assert(pass(100 + REST + REST));
    ck_assert_uint_eq(breaker->opened, 1);
}
END_TEST

START_TEST(one_who_tries_in_vain_begins_another_rest)
{
    go_wrong(100, TAI_BREAKER_OPENED);
    ck_assert(pass(5000));
    go_wrong(5400, TAI_BREAKER_SAME);
    ck_assert(!pass(5400 + REST - 1));
    ck_assert(pass(5400 + REST));
    ck_assert_uint_eq(breaker->opened, 1);
}
END_TEST

START_TEST(an_answer_lets_everybody_pass_again)
{
    go_wrong(100, TAI_BREAKER_OPENED);
    ck_assert(pass(100 + REST));
    answer(100 + REST + 3, TAI_BREAKER_CLOSED);
    ck_assert(pass(100 + REST + 3));
    ck_assert(pass(100 + REST + 3));
    go_wrong(5000, TAI_BREAKER_OPENED);
    ck_assert_uint_eq(breaker->opened, 2);
}
END_TEST

static void doubt(apr_uint64_t now, tai_breaker_e changed)
{
    ck_assert_int_eq(tai_breaker_doubt(breaker, now, REST), changed);
}

START_TEST(the_third_doubt_in_a_row_opens)
{
    doubt(100, TAI_BREAKER_SAME);
    doubt(101, TAI_BREAKER_SAME);
    ck_assert(pass(102));
    doubt(102, TAI_BREAKER_OPENED);
    ck_assert(!pass(102 + REST - 1));
    ck_assert(pass(102 + REST));
    doubt(102 + REST + TRY, TAI_BREAKER_SAME); /* who tries in vain begins another rest */
    ck_assert(!pass(102 + REST + TRY));
    ck_assert_uint_eq(breaker->opened, 1);
}
END_TEST

START_TEST(an_answer_between_ends_all_doubt)
{
    for (apr_uint64_t now = 100; now < 200; now += 10) {
        doubt(now, TAI_BREAKER_SAME);
        doubt(now + 1, TAI_BREAKER_SAME);
        answer(now + 2, TAI_BREAKER_SAME);
        ck_assert(pass(now + 3));
    }
    doubt(200, TAI_BREAKER_SAME);
    doubt(201, TAI_BREAKER_SAME);
    doubt(202, TAI_BREAKER_OPENED);
    answer(202 + REST, TAI_BREAKER_CLOSED);
    doubt(3000, TAI_BREAKER_SAME);
    ck_assert(pass(3001));
}
END_TEST

START_TEST(complaints_are_their_own)
{
    ck_assert(tai_breaker_complain(breaker, 1000, EVERY));
    ck_assert(!tai_breaker_complain(breaker, 1000 + EVERY - 1, EVERY));
    ck_assert(!tai_breaker_over(breaker));
    ck_assert(tai_breaker_tell(breaker, 1001, EVERY));
    ck_assert(tai_breaker_complain(breaker, 1000 + EVERY, EVERY));
}
END_TEST

START_TEST(it_is_told_now_and_then_and_its_end_once)
{
    ck_assert(!tai_breaker_over(breaker));
    ck_assert(tai_breaker_tell(breaker, 1000, EVERY));
    ck_assert(!tai_breaker_tell(breaker, 1000 + EVERY - 1, EVERY));
    ck_assert(tai_breaker_tell(breaker, 1000 + EVERY, EVERY));
    ck_assert(tai_breaker_over(breaker));
    ck_assert(!tai_breaker_over(breaker));
}
END_TEST

/* In each round all come at once, when the rest of the one before is over. */
static int try_in_rounds(void *ignored)
{
    (void)ignored;
    for (int i = 0; i < ROUNDS; i++) {
        const apr_uint64_t now = 1 + (apr_uint64_t)(i + 1) * REST;
        int passed;

        meet(&board->met[i][0], CHILDREN);
        passed = pass(now);
        meet(&board->met[i][1], CHILDREN);
        if (passed) {
            __atomic_fetch_add(&board->passed, 1, __ATOMIC_RELAXED);
            tai_breaker_report(breaker, 0, now, REST);
        }
    }
    return 0;
}

static void run_children(int (*part)(void *))
{
    pid_t children[CHILDREN];

    for (int i = 0; i < CHILDREN; i++) {
        children[i] = in_child(part, NULL);
    }
    for (int i = 0; i < CHILDREN; i++) {
        child_succeeds(children[i]);
    }
}

START_TEST(of_several_processes_one_tries)
{
    go_wrong(1, TAI_BREAKER_OPENED);
    run_children(try_in_rounds);
    ck_assert_int_eq(board->passed, ROUNDS);
}
END_TEST

/* In each round all fail at once, and one of them is to say it. */
static int fail_in_rounds(void *ignored)
{
    (void)ignored;
    for (int i = 0; i < ROUNDS; i++) {
        const apr_uint64_t now = 1 + (apr_uint64_t)i * EVERY;

        meet(&board->met[i][0], CHILDREN);
        if (tai_breaker_report(breaker, 0, now, REST) == TAI_BREAKER_OPENED) {
            __atomic_fetch_add(&board->opened, 1, __ATOMIC_RELAXED);
        }
        if (tai_breaker_tell(breaker, now, EVERY)) {
            __atomic_fetch_add(&board->told, 1, __ATOMIC_RELAXED);
        }
        meet(&board->met[i][1], CHILDREN);
        tai_breaker_report(breaker, 1, now, REST);
    }
    return 0;
}

START_TEST(what_several_processes_find_out_opens_it_once)
{
    run_children(fail_in_rounds);
    ck_assert_int_eq(board->opened, ROUNDS);
    ck_assert_uint_eq(breaker->opened, (apr_uint64_t)board->opened);
    ck_assert_int_eq(board->told, ROUNDS);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_board, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, closed_it_lets_everybody_pass);
    tcase_add_test(tests, after_a_failure_nobody_passes_for_a_while);
    tcase_add_test(tests, then_one_tries);
    tcase_add_test(tests, one_who_dies_trying_is_followed_by_another);
    tcase_add_test(tests, one_who_does_not_come_to_ask_leaves_it_to_another);
    tcase_add_test(tests, one_who_tries_in_vain_begins_another_rest);
    tcase_add_test(tests, an_answer_lets_everybody_pass_again);
    tcase_add_test(tests, the_third_doubt_in_a_row_opens);
    tcase_add_test(tests, an_answer_between_ends_all_doubt);
    tcase_add_test(tests, complaints_are_their_own);
    tcase_add_test(tests, it_is_told_now_and_then_and_its_end_once);
    tcase_add_test(tests, of_several_processes_one_tries);
    tcase_add_test(tests, what_several_processes_find_out_opens_it_once);
}

int main(void)
{
    return unit_run("breaker", add_tests);
}
