#include "acme.h"
#include "core/clock.h"
#include "core/store_accounts.h"
#include "core/store_nodes.h"

/*
 * What a store does while its server lets it wait: a lock of somebody else's, a statement that takes
 * too long, a connection that was closed. What is no answer opens the breaker, and nothing else does;
 * nothing at all where there is no server.
 */

#define WAIT_MS 3000 /* longer than a busy machine takes for anything */

static tai_breaker_t breaker;

/* The store of the test with short limits. */
static void be_impatient(void)
{
    const tai_store_limits_t limits = {
        .connect_ms = WAIT_MS, .statement_ms = WAIT_MS, .change_ms = WAIT_MS, .breaker = &breaker};

    breaker = (tai_breaker_t){0};
    ck_assert_int_eq(tai_store_create(&store, driver, path, 2, &limits, pool), APR_SUCCESS);
}

static apr_status_t look_up(void)
{
    static const char nobody[] = "0000000000000000000000000000000000000000000000000000000000000000";
    tai_record_t *record;

    return find_key(store, nobody, &record, &text);
}

static tai_change_e change(void)
{
    return tai_store_set_plan(store, "acme", "pro", &actor, NOW, pool, &text);
}

static void is_well(void)
{
    ck_assert_msg(look_up() == APR_SUCCESS, "%s", text);
    ck_assert_uint_eq(breaker.retry_at, 0);
}

START_TEST(a_row_that_somebody_holds_is_no_fault_of_the_server)
{
    raw_t other = raw_hold("UPDATE change_counter SET seq = seq + 1");

    is_well();
    ck_assert_int_eq(change(), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, by_driver("", "lock timeout", "Lock wait timeout")));
    is_well();
    ck_assert_uint_eq(breaker.opened, 0);
    raw_close(&other);
    ck_assert_msg(change() == TAI_CHANGE_DONE, "%s", text);
}
END_TEST

START_TEST(a_server_ends_what_takes_too_long)
{
    raw_define(by_driver("",
                         "CREATE FUNCTION slow() RETURNS TRIGGER LANGUAGE plpgsql AS"
                         " $$ BEGIN PERFORM PG_SLEEP(600); RETURN NEW; END $$",
                         "CREATE TRIGGER slow BEFORE UPDATE ON accounts FOR EACH ROW"
                         " BEGIN DECLARE x INT; SET x = SLEEP(600); END"));
    if (on("pgsql")) {
        raw_define("CREATE TRIGGER slow BEFORE UPDATE ON accounts FOR EACH ROW"
                   " EXECUTE FUNCTION slow()");
    }
    ck_assert_int_eq(change(), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, by_driver("", "statement timeout", "max_statement_time")));
    is_well();
    ck_assert_uint_eq(breaker.opened, 0);
}
END_TEST

/* Whatever a server has by default, its sessions are told how long to take. */
START_TEST(a_session_is_told_how_long_it_may_take)
{
    const tai_store_limits_t limits = {
        .connect_ms = WAIT_MS, .statement_ms = WAIT_MS, .change_ms = 12000};
    tai_node_row_t node = {.lease_ms = 60000};
    const char *tell = by_driver(
        "",
        "INSERT INTO told VALUES (TG_TABLE_NAME || ' ' || CURRENT_SETTING('statement_timeout') ||"
        " ' ' || CURRENT_SETTING('lock_timeout') || ' ' ||"
        " CURRENT_SETTING('idle_in_transaction_session_timeout'))",
        "INSERT INTO told VALUES (CONCAT_WS(' ', '%s', @@max_statement_time,"
        " @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@idle_transaction_timeout))");

    raw_define("CREATE TABLE told (text VARCHAR(200))");
    raw_hook("UPDATE", "accounts", "", tell, apr_psprintf(pool, tell, "accounts"));
    raw_hook("INSERT", "nodes", "", tell, apr_psprintf(pool, tell, "nodes"));
    ck_assert_int_eq(tai_store_create(&store, driver, path, 1, &limits, pool), APR_SUCCESS);
    must(change());
    ck_assert_msg(tai_store_add_node(store, &node, pool, &text) == APR_SUCCESS, "%s", text);
    ck_assert_str_eq(raw_list(path, "SELECT text FROM told ORDER BY text"),
                     by_driver("", "accounts 9600ms 6s 15s;nodes 2400ms 1s 15s",
                               "accounts 9.600000 6 6 15;nodes 2.400000 1 1 15"));
}
END_TEST

/* Of ours, all that there are. */
static void close_connections(void)
{
    apr_array_header_t *ids =
        raw_rows(path, by_driver("",
                                 "SELECT pid FROM pg_stat_activity WHERE"
                                 " application_name = 'taiauth' AND datname = CURRENT_DATABASE()",
                                 "SELECT id FROM information_schema.processlist"
                                 " WHERE db = DATABASE() AND id <> CONNECTION_ID()"));

    ck_assert_int_gt(ids->nelts, 0);
    for (int i = 0; i < ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(ids, i, const char *);

        if (on("pgsql")) {
            raw_value(path, apr_psprintf(pool, "SELECT PG_TERMINATE_BACKEND(%s)", id));
        }
        else {
            raw_run(path, apr_psprintf(pool, "KILL %s", id));
        }
    }
}

START_TEST(a_connection_that_was_closed_is_opened_again)
{
    is_well();
    ck_assert_int_eq(change(), TAI_CHANGE_DONE);
    close_connections();
    is_well();
    ck_assert_msg(change() == TAI_CHANGE_DONE, "%s", text);
    ck_assert_uint_eq(breaker.opened, 0);
}
END_TEST

/* Behind the name there may be another server now. */
START_TEST(a_failure_has_other_connections_looked_at)
{
    raw_t other;

    is_well();
    must(change());
    raw_run(path, "UPDATE schema_version SET version = version + 90");
    is_well(); /* as long as nothing has failed, for every look-up would cost three */
    other = raw_hold("UPDATE change_counter SET seq = seq + 1");
    ck_assert_int_eq(change(), TAI_CHANGE_UNKNOWN);
    ck_assert_int_ne(look_up(), APR_SUCCESS);
    ck_assert_ptr_nonnull(strstr(text, "has schema version"));
    raw_close(&other);
    raw_run(path, "UPDATE schema_version SET version = version - 90");
    is_well();
    must(change());
}
END_TEST

/* Nothing answers, and there would be a minute. */
START_TEST(nothing_waits_for_who_is_in_a_hurry)
{
    const tai_store_limits_t limits = {
        .connect_ms = 60000, .statement_ms = 60000, .change_ms = 60000, .breaker = &breaker};
    apr_uint64_t begun;
    raw_t other;

    ck_assert_int_eq(tai_store_create(&store, driver, path, 2, &limits, pool), APR_SUCCESS);
    is_well();
    other = raw_hold(by_driver("", "LOCK TABLE api_keys, change_counter",
                               "LOCK TABLES api_keys WRITE, change_counter WRITE"));
    begun = tai_clock_ms();
    tai_store_hurry(store, 0);
    ck_assert_int_ne(look_up(), APR_SUCCESS);
    ck_assert_int_eq(change(), TAI_CHANGE_UNKNOWN);
    ck_assert_uint_lt(tai_clock_ms() - begun, 20000);
    raw_close(&other);
    breaker = (tai_breaker_t){0};
    tai_store_hurry(store, 60000); /* that is over: there is time again */
    must(change());
}
END_TEST

/* A store whose seats for look-ups and for all else are taken, or not. */
static void be_among(tai_seats_t *seats)
{
    const tai_store_limits_t limits = {.connect_ms = WAIT_MS,
                                       .statement_ms = WAIT_MS,
                                       .change_ms = WAIT_MS,
                                       .seats = seats,
                                       .threads = 2,
                                       .breaker = &breaker};

    ck_assert_int_eq(tai_store_create(&store, driver, path, 2, &limits, pool), APR_SUCCESS);
}

static tai_seat_t take(tai_seats_t *seats, tai_seat_e kind)
{
    tai_seat_t seat;

    ck_assert_int_eq(tai_seat_take(seats, 2, kind, tai_clock_ms(), &seat), 1);
    return seat;
}

static void is_full(apr_status_t rv)
{
    ck_assert_int_ne(rv, APR_SUCCESS);
    ck_assert_ptr_nonnull(strstr(text, "as many wait for it as may"));
    ck_assert_uint_eq(breaker.opened, 0);
}

START_TEST(where_enough_look_up_others_fail_soon)
{
    static tai_seats_t seats;
    apr_array_header_t *nodes;
    apr_int64_t seq;
    tai_seat_t lookup;

    be_among(&seats);
    is_well();
    lookup = take(&seats, TAI_SEAT_LOOKUP);
    if (on("sqlite3")) { /* the half is for all else */
        is_well();
        is_full(change() == TAI_CHANGE_DONE ? APR_SUCCESS : APR_EGENERAL);
        return;
    }
    is_full(look_up());
    take(&seats, TAI_SEAT_BRIEF);
    is_full(look_up());
    must(change());
    ck_assert_msg(tai_store_nodes(store, 0, pool, &nodes, &seq, &text) == APR_SUCCESS, "%s", text);
    tai_seat_leave(&lookup);
    is_well();
    ck_assert_int_eq(tai_crowd_size(&seats.of[TAI_SEAT_LOOKUP], tai_clock_ms()), 0);
    ck_assert_int_eq(tai_crowd_size(&seats.of[TAI_SEAT_OTHER], tai_clock_ms()), 0);
}
END_TEST

START_TEST(where_enough_change_something_keys_are_looked_up)
{
    static tai_seats_t seats;
    apr_array_header_t *nodes;
    apr_int64_t seq;

    be_among(&seats);
    take(&seats, TAI_SEAT_OTHER);
    take(&seats, TAI_SEAT_OTHER);
    is_well();
    is_full(change() == TAI_CHANGE_DONE ? APR_SUCCESS : APR_EGENERAL);
    is_full(tai_store_nodes(store, 0, pool, &nodes, &seq, &text));
    ck_assert_int_eq(tai_crowd_size(&seats.of[TAI_SEAT_BRIEF], tai_clock_ms()), 0);
}
END_TEST

/* Whoever waits for another one's look-up does so for as long as he would, for a moment, or not at all. */
START_TEST(who_waits_for_a_look_up_has_a_place_too)
{
    static tai_seats_t seats;
    tai_seat_t first, second, third;

    be_among(&seats);
    ck_assert_uint_eq(tai_store_join(store, 1000, &first), 1000);
    if (on("sqlite3")) { /* as many as like */
        ck_assert_uint_eq(tai_store_join(store, 1000, &second), 1000);
        return;
    }
    ck_assert_uint_eq(tai_store_join(store, 1000, &second), 500);
    ck_assert_uint_eq(tai_store_join(store, 1000, &third), 0);
    tai_seat_leave(&third);
    tai_seat_leave(&second);
    tai_seat_leave(&first);
    ck_assert_uint_eq(tai_store_join(store, 1000, &first), 1000);
}
END_TEST

START_TEST(a_refusal_is_an_answer)
{
    ck_assert_int_eq(tai_store_set_plan(store, "nobody", "pro", &actor, NOW, pool, &text),
                     TAI_CHANGE_NOT_FOUND);
    raw_forbid("UPDATE", "accounts");
    ck_assert_int_eq(change(), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, "not now"));
    ck_assert_uint_eq(breaker.opened, 0);
}
END_TEST

START_TEST(a_file_is_never_left_alone)
{
    take_away();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_ne(look_up(), APR_SUCCESS);
        ck_assert_ptr_nonnull(strstr(text, "no database at"));
        ck_assert_int_eq(change(), TAI_CHANGE_UNKNOWN);
    }
    bring_back();
    is_well();
    ck_assert_uint_eq(breaker.opened, 0);
}
END_TEST

/* Nobody listens there. */
START_TEST(a_server_that_is_not_there)
{
    const char *port = strstr(path, "port=") + strlen("port=");
    const tai_store_limits_t limits = {
        .connect_ms = WAIT_MS, .statement_ms = WAIT_MS, .change_ms = WAIT_MS, .breaker = &breaker};
    const char *params = apr_pstrcat(pool, apr_pstrmemdup(pool, path, (apr_size_t)(port - path)),
                                     "1", port + strspn(port, "0123456789"), NULL);

    ck_assert_int_eq(tai_store_create(&store, driver, params, 2, &limits, pool), APR_SUCCESS);
    ck_assert_int_ne(look_up(), APR_SUCCESS);
    ck_assert_ptr_nonnull(strstr(text, "cannot be opened"));
    ck_assert_uint_eq(breaker.opened, 1);
    ck_assert_int_eq(change(), TAI_CHANGE_UNKNOWN);
    ck_assert_str_eq(text, tai_store_left_alone);
}
END_TEST

static void add_tests(TCase *tests)
{
    with_acme(tests);
    tcase_add_checked_fixture(tests, be_impatient, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_refusal_is_an_answer);
    tcase_add_test(tests, where_enough_look_up_others_fail_soon);
    tcase_add_test(tests, who_waits_for_a_look_up_has_a_place_too);
    if (suite_on("sqlite3")) {
        tcase_add_test(tests, a_file_is_never_left_alone);
        return;
    }
    tcase_add_test(tests, where_enough_change_something_keys_are_looked_up);
    tcase_add_test(tests, a_row_that_somebody_holds_is_no_fault_of_the_server);
    tcase_add_test(tests, a_server_ends_what_takes_too_long);
    tcase_add_test(tests, a_session_is_told_how_long_it_may_take);
    tcase_add_test(tests, a_connection_that_was_closed_is_opened_again);
    tcase_add_test(tests, a_failure_has_other_connections_looked_at);
    tcase_add_test(tests, nothing_waits_for_who_is_in_a_hurry);
    tcase_add_test(tests, a_server_that_is_not_there);
}

int main(void)
{
    return unit_run("store_wait", add_tests);
}
