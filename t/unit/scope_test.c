#include "core/scope.h"
#include "unit.h"

#include <string.h>
#include <apr_strings.h>

#define X60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *name;
    int valid;
} names[] = {
    {"programs:write", 1},
    {"read", 1},
    {"a", 1},
    {"a:b:c:d", 1},
    {"az09_.-:-._90za", 1},
    {X60 "xxxx", 1},
    {X60 "xxxxx", 0},
    {X60 "x:x", 1},
    {X60 "xx:xx", 0},
    {X60 "xxx:", 0},
    {"", 0},
    {":", 0},
    {":a", 0},
    {"a:", 0},
    {"a::b", 0},
    {"A", 0},
    {"a b", 0},
    {" a", 0},
    {"a ", 0},
    {"a,b", 0},
    {"a\n", 0},
    {"a*", 0},
    {"a/b", 0},
    {"a\"b", 0},
    {"\303\251", 0},
};

START_TEST(validity_of_row)
{
    ck_assert_msg(tai_scope_valid(names[_i].name) == names[_i].valid, "\"%s\"", names[_i].name);
}
END_TEST

static const struct {
    const char *text;
    const char *parts; /* joined with | */
} lists[] = {
    {NULL, ""},
    {"", ""},
    {" \t\r\n,,", ""},
    {"a", "a"},
    {"a b", "a|b"},
    {"a,b", "a|b"},
    {"a, b", "a|b"},
    {" a\tb\nc\r\n", "a|b|c"},
    {",a,,b,", "a|b"},
    {"b a b", "b|a|b"},
    {"programs:read categories:read reviews:read", "programs:read|categories:read|reviews:read"},
};

START_TEST(split_of_row)
{
    apr_array_header_t *list = tai_scope_split(lists[_i].text, pool);

    ck_assert_ptr_nonnull(list);
    ck_assert_str_eq(apr_array_pstrcat(pool, list, '|'), lists[_i].parts);
}
END_TEST

START_TEST(split_leaves_its_text_alone)
{
    char text[] = "a b";
    apr_array_header_t *list = tai_scope_split(text, pool);

    ck_assert_str_eq(text, "a b");
    strcpy(text, "xxx");
    ck_assert_str_eq(apr_array_pstrcat(pool, list, '|'), "a|b");
}
END_TEST

static const struct {
    const char *list;
    const char *name;
    int held;
} holdings[] = {
    {"programs:read programs:write", "programs:read", 1},
    {"programs:read programs:write", "programs:write", 1},
    {"programs:read programs:write", "programs", 0},
    {"programs", "programs:read", 0},
    {"programs:read", "PROGRAMS:READ", 0},
    {"programs:read", "", 0},
    {"", "programs:read", 0},
    {"programs:read  programs:write", "", 0},
    {"programs:read programs:write", "programs:read programs:write", 0},
    {"programs:readers programs:read", "programs:read", 1},
    {" programs:read ", "programs:read", 1},
};

START_TEST(membership_of_row)
{
    apr_array_header_t *list = tai_scope_split(holdings[_i].list, pool);

    ck_assert_msg(tai_scope_in(list, holdings[_i].name) == holdings[_i].held, "\"%s\" in \"%s\"",
                  holdings[_i].name, holdings[_i].list);
    ck_assert_msg(tai_scope_listed(holdings[_i].list, holdings[_i].name) == holdings[_i].held,
                  "\"%s\" listed in \"%s\"", holdings[_i].name, holdings[_i].list);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, validity_of_row, 0, ROWS(names));
    tcase_add_loop_test(tests, split_of_row, 0, ROWS(lists));
    tcase_add_test(tests, split_leaves_its_text_alone);
    tcase_add_loop_test(tests, membership_of_row, 0, ROWS(holdings));
}

int main(void)
{
    return unit_run("scope", add);
}
