#include "phrases.h"

#include <string.h>
#include <apr_hash.h>

/* From here on a search that ends without success would take long. */
#define COUNT_MAX (TAI_PHRASES_SLOTS / 4 * 3)

const char *tai_phrases_text(const tai_phrases_t *phrases, apr_uint16_t number)
{
    return phrases->text + (apr_size_t)number * TAI_PHRASES_UNIT;
}

/* @return where the text stands, or where it would have to stand */
static apr_uint16_t *find_slot(tai_phrases_t *phrases, const char *text, apr_ssize_t length)
{
    apr_uint32_t i = apr_hashfunc_default(text, &length) % TAI_PHRASES_SLOTS;

    while (phrases->slot[i] != 0 &&
           strcmp(tai_phrases_text(phrases, phrases->slot[i]), text) != 0) {
        i = (i + 1) % TAI_PHRASES_SLOTS;
    }
    return &phrases->slot[i];
}

/* Text, room, slot: in this order, for who is killed on the way. */
apr_uint16_t tai_phrases_number(tai_phrases_t *phrases, const char *text)
{
    const apr_size_t length = strlen(text);
    const apr_uint32_t units = (apr_uint32_t)(length / TAI_PHRASES_UNIT + 1);
    const apr_uint32_t number = phrases->used > 0 ? phrases->used : 1;
    apr_uint16_t *slot = find_slot(phrases, text, (apr_ssize_t)length);

    if (*slot != 0) {
        return *slot;
    }
    if (units > TAI_PHRASES_UNITS - number || phrases->count >= COUNT_MAX) {
        return 0;
    }
    memcpy(phrases->text + number * TAI_PHRASES_UNIT, text, length + 1);
    __atomic_store_n(&phrases->count, phrases->count + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&phrases->used, number + units, __ATOMIC_RELEASE);
    __atomic_store_n(slot, (apr_uint16_t)number, __ATOMIC_RELEASE);
    return (apr_uint16_t)number;
}
