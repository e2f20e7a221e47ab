#include "core/address.h"
#include "unit.h"

static const struct {
    const char *text;
    int valid;
} addresses[] = {
    {"10.1.2.3", 1},
    {"0.0.0.0", 1},
    {"255.255.255.255", 1},
    {"2001:db8::1", 1},
    {"::", 1},
    {"::ffff:10.1.2.3", 1},
    {"", 0},
    {"10.1.2", 0},
    {"10.1.2.256", 0},
    {"10.1.2.3.4", 0},
    {"10.1.2.3 ", 0},
    {"10.1.2.3:80", 0},
    {"10.1.2.0/24", 0},
    {"[::1]", 0},
    {"fe80::1%eth0", 0},
    {"localhost", 0},
    {"1", 0},
    {"2001:db8::1::2", 0},
};

START_TEST(address_of_row)
{
    ck_assert_msg(tai_address_valid(addresses[_i].text) == addresses[_i].valid, "%s",
                  addresses[_i].text);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, address_of_row, 0, sizeof(addresses) / sizeof(addresses[0]));
}

int main(void)
{
    return unit_run("address", add);
}
