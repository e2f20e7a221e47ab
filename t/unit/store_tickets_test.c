#include "acme.h"
#include "core/store_tickets.h"
#include "shared.h"

#define TAKERS 20

static const char *const ticket =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void leave(const char *order)
{
    must(tai_store_leave_ticket(store, ticket, order, NOW, pool, &text));
}

START_TEST(a_ticket_is_good_once)
{
    const char *order;

    leave("{\"unlock\": \"192.0.2.1\"}");
    must(tai_store_take_ticket(store, ticket, NOW, pool, &order, &text));
    ck_assert_str_eq(order, "{\"unlock\": \"192.0.2.1\"}");
    ck_assert_int_eq(tai_store_take_ticket(store, ticket, NOW, pool, &order, &text),
                     TAI_CHANGE_NOT_FOUND);
    ck_assert_ptr_null(order);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM tickets"), 0);
}
END_TEST

START_TEST(a_ticket_has_its_time)
{
    const char *order;

    leave("{}");
    ck_assert_int_eq(tai_store_take_ticket(store, ticket, NOW + TAI_TICKET_S, pool, &order, &text),
                     TAI_CHANGE_NOT_FOUND);
    must(tai_store_take_ticket(store, ticket, NOW + TAI_TICKET_S - 1, pool, &order, &text));
}
END_TEST

START_TEST(one_that_was_never_left_is_not_found)
{
    const char *order;

    leave("{}");
    ck_assert_int_eq(tai_store_take_ticket(store, "0", NOW, pool, &order, &text),
                     TAI_CHANGE_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(text, "ticket"));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM tickets"), 1);
}
END_TEST

START_TEST(no_answer_is_no_ticket)
{
    const char *order;

    leave("{}");
    raw_forbid("DELETE", "tickets");
    ck_assert_int_eq(tai_store_take_ticket(store, ticket, NOW, pool, &order, &text),
                     TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_null(order);
    ck_assert_int_eq(tai_store_leave_ticket(store, ticket, "{}", NOW, pool, &text),
                     TAI_CHANGE_UNKNOWN); /* the same again */
}
END_TEST

static int *arrived;

static int take(void *data)
{
    tai_change_e outcome;
    const char *order;

    (void)data;
    meet(arrived, TAKERS);
    outcome = tai_store_take_ticket(store, ticket, NOW, pool, &order, &text);
    apr_pool_destroy(pool); /* with its connection */
    return (int)outcome;
}

START_TEST(of_all_who_take_one_gets_it)
{
    int outcomes[TAI_CHANGE_UNKNOWN + 1] = {0};
    pid_t pids[TAKERS];
    apr_pool_t *whole = pool;

    apr_pool_create(&pool, whole); /* no connection is open when this forks */
    store = open_store(path, 1);
    leave("{}");
    apr_pool_destroy(pool);
    pool = whole;
    store = open_store(path, 1);
    arrived = shared_block(sizeof(*arrived));
    for (int i = 0; i < TAKERS; i++) {
        pids[i] = in_child(take, NULL);
    }
    for (int i = 0; i < TAKERS; i++) {
        int status;

        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) <= TAI_CHANGE_UNKNOWN);
        outcomes[WEXITSTATUS(status)]++;
    }
    ck_assert_int_eq(outcomes[TAI_CHANGE_DONE], 1);
    ck_assert_int_eq(outcomes[TAI_CHANGE_NOT_FOUND], TAKERS - 1);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, a_ticket_is_good_once);
    tcase_add_test(tests, a_ticket_has_its_time);
    tcase_add_test(tests, one_that_was_never_left_is_not_found);
    tcase_add_test(tests, no_answer_is_no_ticket);
    tcase_add_test(tests, of_all_who_take_one_gets_it);
}

int main(void)
{
    return unit_run("tickets", add);
}
