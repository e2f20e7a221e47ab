#include "core/input.h"
#include "unit.h"

#include <stddef.h>
#include <string.h>

/* ---- parsing ------------------------------------------------------------------------------ */

static const char *parse(const char *text, json_t **object)
{
    return tai_input_parse("The body", text, strlen(text), pool, object);
}

#define JSON "The body must be one JSON object in UTF-8"

/* error NULL: it is taken */
static const struct {
    const char *text;
    const char *error;
} bodies[] = {
    {"{}", NULL},
    {" \t\r\n{\"a\" : 1 } \n", NULL},
    {"{\"a\": [{\"b\": [{\"c\": [{\"d\": [1]}]}]}]}", NULL},
    {"{\"a\": \"[[[[[[[[[[[[{{{{{{{{{{{{\"}", NULL},
    {"{\"a\\\"[[[[[[[[[[\": \"\\\\\", \"b\": \"{{{{{{{{{{\"}", NULL},
    {"{\"a\": [], \"b\": [], \"c\": [], \"d\": [], \"e\": [], \"f\": [], \"g\": [], \"h\": []}",
     NULL},
    {"{\"a\": \"\303\251\", \"\\u00e9\": \"\\ud83d\\ude00\"}", NULL},
    {"{\"a\": 9223372036854775807, \"b\": 1e3, \"c\": null, \"d\": true}", NULL},
    /* no object */
    {"[]", JSON ", such as {\"name\": \"value\"}."},
    {"[{}]", JSON ", such as {\"name\": \"value\"}."},
    {"", JSON ": it ends too early (line 1, column 0)."},
    {"  ", JSON ": it ends too early (line 1, column 2)."},
    {"\"text\"", JSON ": this is no JSON (line 1, column 6)."},
    {"null", JSON ": this is no JSON (line 1, column 4)."},
    {"7", JSON ": this is no JSON (line 1, column 1)."},
    /* an object and more, or less */
    {"{}{}", JSON ": nothing may stand behind it (line 1, column 3)."},
    {"{} x", JSON ": nothing may stand behind it (line 1, column 4)."},
    {"{", JSON ": it ends too early (line 1, column 1)."},
    {"{\"a\": \"pass", JSON ": it ends too early (line 1, column 11)."},
    {"{\n\"a\": 1,\n}", JSON ": this is no JSON (line 3, column 1)."},
    {"{a: 1}", JSON ": this is no JSON (line 1, column 2)."},
    {"{'a': 1}", JSON ": this is no JSON (line 1, column 2)."},
    {"{\"a\": 01}", JSON ": this is no JSON (line 1, column 7)."},
    {"{\"a\": NaN}", JSON ": this is no JSON (line 1, column 9)."},
    {"{\"a\": \"\n\"}", JSON ": this is no JSON (line 1, column 7)."},
    {"{\"a\": \"\\x\"}", JSON ": this is no JSON (line 1, column 9)."},
    {"{\"a\": \"\\ud800\"}", JSON ": this is no JSON (line 1, column 14)."},
    {"{\"a\": 1 /* no */}", JSON ": this is no JSON (line 1, column 9)."},
    {"\357\273\277{}", JSON ": this is no JSON (line 1, column 1)."},
    /* members */
    {"{\"a\": 1, \"a\": 1}", JSON ": no member may stand in it twice (line 1, column 12)."},
    {"{\"a\": 1, \"\\u0061\": 1}", JSON ": no member may stand in it twice (line 1, column 17)."},
    {"{\"x\": {\"a\": 1, \"b\": 2, \"a\": 3}}",
     JSON ": no member may stand in it twice (line 1, column 26)."},
    {"{\"a\": \"\\u0000\"}", JSON ": no text may hold a NUL (line 1, column 14)."},
    {"{\"a\\u0000b\": 1}", JSON ": no text may hold a NUL (line 1, column 11)."},
    {"{\"a\": \"\377\"}", JSON ": this is no UTF-8 (line 1, column 7)."},
    {"{\"a\": \"\300\200\"}", JSON ": this is no UTF-8 (line 1, column 7)."},
    {"{\"a\": \"\355\240\200\"}", JSON ": this is no UTF-8 (line 1, column 7)."},
    {"{\"a\": 9223372036854775808}", JSON ": a number is too large (line 1, column 25)."},
    {"{\"a\": 1e999}", JSON ": a number is too large (line 1, column 11)."},
    /* depth: nine */
    {"{\"a\": [[[[[[[[1]]]]]]]]}", "The body must be no deeper than 8 objects and lists."},
    {"[[[[[[[[[", "The body must be no deeper than 8 objects and lists."},
    {"{\"\\\"\": [{\"\": [[[[[[", "The body must be no deeper than 8 objects and lists."},
};

START_TEST(body_of_row)
{
    json_t *object = (json_t *)1;
    const char *error = parse(bodies[_i].text, &object);

    if (bodies[_i].error == NULL) {
        ck_assert_msg(error == NULL, "%s", error);
        ck_assert_int_eq(json_is_object(object), 1);
    }
    else {
        ck_assert_ptr_nonnull(error);
        ck_assert_str_eq(error, bodies[_i].error);
        ck_assert_ptr_null(object);
    }
}
END_TEST

START_TEST(nul_between_tokens)
{
    static const char bytes[] = "{\"a\":\0 1}";
    json_t *object;

    ck_assert_ptr_nonnull(tai_input_parse("The body", bytes, sizeof(bytes) - 1, pool, &object));
    ck_assert_ptr_nonnull(tai_input_parse("The body", "{}\0", 3, pool, &object));
}
END_TEST

/* A stranger may send as deep as he has bytes: the parser never comes to see it. */
START_TEST(depth_of_a_whole_body)
{
    static char bytes[16384];
    json_t *object;

    memset(bytes, '[', sizeof(bytes));
    ck_assert_str_eq(tai_input_parse("The body", bytes, sizeof(bytes), pool, &object),
                     "The body must be no deeper than 8 objects and lists.");
}
END_TEST

/* What is near a mistake may be a password. */
START_TEST(no_sentence_repeats_the_body)
{
    static const char *const texts[] = {"{\"p\": \"secret\" \"secret\"", "{\"p\": secret}",
                                        "{\"p\": \"secret", "{\"secret\": 1, \"secret\": 2}"};
    json_t *object;

    for (int i = 0; i < ROWS(texts); i++) {
        ck_assert_ptr_null(strstr(parse(texts[i], &object), "secret"));
    }
}
END_TEST

/* ---- reading ------------------------------------------------------------------------------ */

typedef struct order_t {
    const char *name;
    const apr_array_header_t *scopes;
    apr_int64_t grace;
    int token;
    const char *note;
} order_t;

static const tai_input_field_t fields[] = {
    {"name", TAI_INPUT_TEXT, 1, 0, offsetof(order_t, name)},
    {"scopes", TAI_INPUT_TEXTS, 0, 0, offsetof(order_t, scopes)},
    {"grace", TAI_INPUT_NUMBER, 0, 0, offsetof(order_t, grace)},
    {"token", TAI_INPUT_FLAG, 0, 0, offsetof(order_t, token)},
    {"note", TAI_INPUT_TEXT, 0, 1, offsetof(order_t, note)},
    {NULL, TAI_INPUT_TEXT, 0, 0, 0},
};

static const char *read_order(const char *text, const tai_input_field_t *allowed, order_t *order)
{
    json_t *object;
    const char *error = parse(text, &object);

    ck_assert_msg(error == NULL, "%s", error);
    *order = (order_t){.grace = 7, .note = "as it was"};
    return tai_input_read(object, allowed, order, pool);
}

START_TEST(every_member)
{
    order_t order;

    ck_assert_ptr_null(read_order("{\"name\": \"n\", \"scopes\": [\"a:b\", \"\"], \"grace\": -5,"
                                  " \"token\": true, \"note\": \"\"}",
                                  fields, &order));
    ck_assert_str_eq(order.name, "n");
    ck_assert_int_eq(order.scopes->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(order.scopes, 0, const char *), "a:b");
    ck_assert_str_eq(APR_ARRAY_IDX(order.scopes, 1, const char *), "");
    ck_assert_int_eq(order.grace, -5);
    ck_assert_int_eq(order.token, 1);
    ck_assert_str_eq(order.note, "");
}
END_TEST

START_TEST(what_is_left_out_stays)
{
    order_t order;

    ck_assert_ptr_null(read_order("{\"name\": \"n\", \"note\": null}", fields, &order));
    ck_assert_ptr_null(order.scopes);
    ck_assert_int_eq(order.grace, 7);
    ck_assert_str_eq(order.note, "as it was");
}
END_TEST

#define ALLOWED "allowed: name, scopes, grace, token, note."

static const struct {
    const char *text;
    const char *error;
} wrong[] = {
    {"{}", "The member \"name\" is missing: a text."},
    {"{\"name\": null}", "The member \"name\" must be a text."},
    {"{\"name\": 1}", "The member \"name\" must be a text."},
    {"{\"name\": [\"n\"]}", "The member \"name\" must be a text."},
    {"{\"name\": \"n\", \"scopes\": \"a:b\"}",
     "The member \"scopes\" must be a list of 1 to 100 texts."},
    {"{\"name\": \"n\", \"scopes\": []}",
     "The member \"scopes\" must be a list of 1 to 100 texts."},
    {"{\"name\": \"n\", \"scopes\": [\"a:b\", 1]}",
     "The member \"scopes\" must be a list of 1 to 100 texts."},
    {"{\"name\": \"n\", \"scopes\": [\"a:b\", null]}",
     "The member \"scopes\" must be a list of 1 to 100 texts."},
    {"{\"name\": \"n\", \"scopes\": {\"0\": \"a:b\"}}",
     "The member \"scopes\" must be a list of 1 to 100 texts."},
    {"{\"name\": \"n\", \"scopes\": null}",
     "The member \"scopes\" must be a list of 1 to 100 texts."},
    {"{\"name\": \"n\", \"grace\": 1.0}", "The member \"grace\" must be an integer."},
    {"{\"name\": \"n\", \"grace\": \"1\"}", "The member \"grace\" must be an integer."},
    {"{\"name\": \"n\", \"token\": 1}", "The member \"token\" must be true or false."},
    {"{\"name\": \"n\", \"token\": \"true\"}", "The member \"token\" must be true or false."},
    {"{\"name\": \"n\", \"note\": false}", "The member \"note\" must be a text, or null."},
    /* unknown ones go first, so that a mistyped name is not told as a missing one */
    {"{\"Name\": \"n\"}", "There is no member \"Name\"; " ALLOWED},
    {"{\"name\": \"n\", \"name \": \"n\"}", "There is no member \"name \"; " ALLOWED},
    {"{\"name\": \"n\", \"\": 1}", "There is no member \"\"; " ALLOWED},
    {"{\"a\\n\\\"\\u00e9\": 1}", "There is no member \"a\\x0a\\\"\\xc3\\xa9\"; " ALLOWED},
    {"{\"tai_12345678sssssssssss\": 1}", "There is no member \"tai_12345678...\"; " ALLOWED},
};

START_TEST(wrong_of_row)
{
    order_t order;
    const char *error = read_order(wrong[_i].text, fields, &order);

    ck_assert_ptr_nonnull(error);
    ck_assert_str_eq(error, wrong[_i].error);
}
END_TEST

START_TEST(no_member_at_all)
{
    order_t order;

    ck_assert_ptr_null(read_order("{}", fields + ROWS(fields) - 1, &order));
    ck_assert_str_eq(read_order("{\"a\": 1}", fields + ROWS(fields) - 1, &order),
                     "There is no member \"a\"; allowed: none.");
}
END_TEST

static void with_texts(int n, char *text, size_t size)
{
    size_t len = (size_t)snprintf(text, size, "{\"name\": \"n\", \"scopes\": [\"0\"");

    for (int i = 1; i < n; i++) {
        len += (size_t)snprintf(text + len, size - len, ", \"%d\"", i);
    }
    snprintf(text + len, size - len, "]}");
}

START_TEST(as_many_texts_as_are_allowed)
{
    char text[4096];
    order_t order;

    with_texts(100, text, sizeof(text));
    ck_assert_ptr_null(read_order(text, fields, &order));
    ck_assert_int_eq(order.scopes->nelts, 100);
    with_texts(101, text, sizeof(text));
    ck_assert_ptr_nonnull(read_order(text, fields, &order));
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, body_of_row, 0, ROWS(bodies));
    tcase_add_test(tests, nul_between_tokens);
    tcase_add_test(tests, depth_of_a_whole_body);
    tcase_add_test(tests, no_sentence_repeats_the_body);
    tcase_add_test(tests, every_member);
    tcase_add_test(tests, what_is_left_out_stays);
    tcase_add_loop_test(tests, wrong_of_row, 0, ROWS(wrong));
    tcase_add_test(tests, no_member_at_all);
    tcase_add_test(tests, as_many_texts_as_are_allowed);
}

int main(void)
{
    return unit_run("input", add);
}
