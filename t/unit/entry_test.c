#include <stdlib.h>
#include "core/entry.h"
#include "made_record.h"
#include "shared.h"
#include "unit.h"

#define KEY      11
#define VERSIONS 60

static tai_phrases_t *phrases;
static tai_record_copy_t copy;
static tai_entry_t head;

static void make_phrases(void)
{
    phrases = shared_block(sizeof(*phrases));
}

/* An entry in memory that ends with it: whoever reads beyond is caught by a sanitizer. */
static void *packed(apr_uint64_t version, apr_size_t *size)
{
    tai_entry_room_t room;
    made_record_t made;
    void *exact;

    made_record(&made, KEY, version);
    *size = tai_entry_pack(phrases, &made.record, &room);
    ck_assert_uint_ge(*size, TAI_ENTRY_MIN);
    ck_assert_uint_eq(*size % TAI_ENTRY_UNIT, 0);
    exact = malloc(*size);
    memcpy(exact, &room, *size);
    return exact;
}

START_TEST(an_entry_is_unpacked_as_it_was_packed)
{
    apr_size_t size;
    void *entry = packed((apr_uint64_t)_i, &size);

    ck_assert_uint_eq(tai_entry_size(entry), size);
    ck_assert_int_eq(tai_entry_check(phrases, entry, size), 1);
    ck_assert_int_eq(tai_entry_copy(entry, size, &head, &copy), 1);
    tai_entry_finish(phrases, &head, &copy);
    ck_assert(made_is_whole(&copy.record, KEY));
    free(entry);
}
END_TEST

START_TEST(the_account_is_told_without_unpacking)
{
    apr_size_t size;
    void *entry = packed((apr_uint64_t)_i, &size);
    char id[40];

    made_account_id(KEY % MADE_ACCOUNTS, id, sizeof(id));
    ck_assert_int_eq(tai_entry_is_of(entry, id, strlen(id)), 1);
    ck_assert_int_eq(tai_entry_is_of(entry, id, strlen(id) - 1), 0);
    id[strlen(id) - 1]++;
    ck_assert_int_eq(tai_entry_is_of(entry, id, strlen(id)), 0);
    free(entry);
}
END_TEST

START_TEST(a_part_of_an_entry_is_none)
{
    apr_size_t size, part;
    void *entry = packed((apr_uint64_t)_i, &size);

    for (part = 0; part < size; part++) {
        void *cut = malloc(part + 1);

        memcpy(cut, entry, part);
        ck_assert_int_eq(tai_entry_copy(cut, part, &head, &copy), 0);
        ck_assert(part < TAI_ENTRY_MIN || !tai_entry_check(phrases, cut, part));
        free(cut);
    }
    free(entry);
}
END_TEST

/* As long as what stands for a phrase, for the text before or for none, and longer than any of them. */
START_TEST(a_text_that_is_too_long_is_not_packed)
{
    static const apr_size_t lengths[] = {TAI_RECORD_TEXT_MAX, 0x8001, 0xfffe, 0xffff, 0x10001};
    tai_entry_room_t room;
    made_record_t made;
    char *text = malloc(lengths[_i] + 1);

    memset(text, 'a', lengths[_i]);
    text[lengths[_i]] = '\0';
    made_record(&made, KEY, 0);
    made.record.account = text;
    ck_assert_uint_eq(tai_entry_pack(phrases, &made.record, &room), 0);
    free(text);
}
END_TEST

/* Whatever a writer may be leaving at the moment: nothing beyond it is read, and nothing overrun. */
START_TEST(any_bytes_can_be_copied)
{
    apr_uint64_t chance = chance_seed(_i);
    const int steps = chance_steps(20000);
    unsigned char *bytes;
    apr_size_t size, at;
    int i, damage, taken = 0;

    for (i = 0; i < steps; i++) {
        bytes = packed(chance_below(&chance, VERSIONS), &size);
        for (damage = (int)chance_below(&chance, 12); damage > 0; damage--) {
            /* most of them where they matter, behind the digest */
            at = chance_below(&chance, 4) ? chance_between(&chance, 32, sizeof(head) - 1)
                                          : chance_below(&chance, size);
            bytes[at] = (unsigned char)chance_next(&chance);
        }
        taken += tai_entry_copy(bytes, size, &head, &copy);
        taken += tai_entry_check(phrases, (const tai_entry_t *)bytes, size) < 0;
        free(bytes);
    }
    ck_assert_int_gt(taken, steps / 20);
    ck_assert_int_lt(taken, steps);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_phrases, NULL);
    tcase_add_loop_test(tests, an_entry_is_unpacked_as_it_was_packed, 0, VERSIONS);
    tcase_add_loop_test(tests, the_account_is_told_without_unpacking, 0, VERSIONS);
    tcase_add_loop_test(tests, a_part_of_an_entry_is_none, 0, VERSIONS);
    tcase_add_loop_test(tests, a_text_that_is_too_long_is_not_packed, 0, 5);
    tcase_add_loop_test(tests, any_bytes_can_be_copied, 0, chance_seeds());
}

int main(void)
{
    return unit_run("entry", add);
}
