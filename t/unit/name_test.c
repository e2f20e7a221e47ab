#include "core/name.h"
#include "unit.h"

#include <string.h>

#define X32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define X60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *name;
    int allowed;
} names[] = {
    {"acme", 1},
    {"a", 1},
    {"Acme & Sons, Ltd.", 1},
    {"\303\211cole", 1},
    {"\360\237\224\221", 1}, /* U+1F511 */
    {"\302\240", 1},         /* U+00A0, the first behind C1 */
    {X60 "xxxx", 1},
    {X60 "xxxxx", 0},
    {X60 "xx\303\251", 1},
    {X60 "xxx\303\251", 0}, /* bytes, not characters */
    {"", 0},
    {"a\nb", 0},
    {"a\tb", 0},
    {"\033[2J", 0},
    {"a\177", 0},
    {"\302\200", 0}, /* C1 */
    {"\302\237", 0},
    {"tai_" X32 "2Fjjgu", 0}, /* a key */
    {"tai_" X32 "2Fjjgv", 1}, /* none: its checksum is wrong */
    {"prod tai_" X32 "2Fjjgu", 0},
    {"tai_" X32 "2Fjjgu prod", 0},
    {"tai_tai_" X32 "2Fjjgu", 0},
    {"  ", 0},
    {" a", 1},
    {"\303", 0},         /* cut off */
    {"\351", 0},         /* Latin-1 */
    {"\300\257", 0},     /* overlong */
    {"\355\240\200", 0}, /* surrogate */
    {"\364\220\200\200", 0},
};

START_TEST(name_of_row)
{
    const char *text = tai_name_check("account name", names[_i].name, TAI_NAME_MAX, pool);

    ck_assert_int_eq(text == NULL, names[_i].allowed);
    if (text != NULL) {
        ck_assert_ptr_nonnull(strstr(text, "account name"));
        ck_assert_ptr_nonnull(strstr(text, "64"));
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, name_of_row, 0, ROWS(names));
}

int main(void)
{
    return unit_run("name", add);
}
