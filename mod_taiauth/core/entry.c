#include "entry.h"

#include <stddef.h>
#include <string.h>

/*
 * The account comes first, so that tai_entry_is_of need not look for it. Those that many keys have
 * in common are phrases; next to each other stand those that are often the same.
 */
static const struct {
    apr_size_t offset;
    int shared;
} texts[] = {
    {offsetof(tai_record_t, account_id), 0}, {offsetof(tai_record_t, account), 0},
    {offsetof(tai_record_t, user), 0},       {offsetof(tai_record_t, id), 0},
    {offsetof(tai_record_t, line), 0},       {offsetof(tai_record_t, prefix), 0},
    {offsetof(tai_record_t, plan), 1},       {offsetof(tai_record_t, plan_rate_limit), 1},
    {offsetof(tai_record_t, rate_limit), 1}, {offsetof(tai_record_t, scopes), 1},
    {offsetof(tai_record_t, effective), 1},
};

#define TEXT_NULL   0xffff
#define TEXT_BEFORE 0xfffe
#define TEXT_PHRASE 0x8000 /* and its number; below: a length */

_Static_assert(sizeof(texts) / sizeof(texts[0]) == TAI_ENTRY_TEXTS, "a code for each text");
_Static_assert(TEXT_PHRASE + TAI_PHRASES_UNITS <= TEXT_BEFORE, "a code for each phrase");
_Static_assert(TAI_RECORD_TEXT_MAX < TEXT_PHRASE, "a code for each length");

#define HAS_EXPIRY     1
#define HAS_REVOCATION 2
#define HAS_TOKEN      4

/* Members that are only there where they say anything. */
static const struct {
    int flag;
    apr_size_t offset, size;
} options[] = {
    {HAS_EXPIRY, offsetof(tai_record_t, expires_at), sizeof(apr_int64_t)},
    {HAS_REVOCATION, offsetof(tai_record_t, revoked_at), sizeof(apr_int64_t)},
    {HAS_TOKEN, offsetof(tai_record_t, token), sizeof(tai_digest_t)},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static apr_size_t options_size(int flags)
{
    apr_size_t i, size = 0;

    for (i = 0; i < OPTIONS; i++) {
        size += flags & options[i].flag ? options[i].size : 0;
    }
    return size;
}

apr_size_t tai_entry_size(const tai_entry_t *entry)
{
    return (apr_size_t)entry->size * TAI_ENTRY_UNIT;
}

/* ---- in ----------------------------------------------------------------------------------- */

static unsigned char *pack_options(tai_entry_room_t *room, const tai_record_t *record)
{
    const int flags = (record->expires_at != TAI_NEVER ? HAS_EXPIRY : 0) |
                      (record->revoked_at != TAI_NEVER ? HAS_REVOCATION : 0) |
                      (record->has_token ? HAS_TOKEN : 0);
    unsigned char *to = room->rest;
    apr_size_t i;

    room->entry.flags = (apr_byte_t)flags;
    for (i = 0; i < OPTIONS; i++) {
        if (flags & options[i].flag) {
            memcpy(to, (const char *)record + options[i].offset, options[i].size);
            to += options[i].size;
        }
    }
    return to;
}

/*
 * How a text is told in an entry.
 * @param before  the one before it; NULL: none
 * @return its length: it has to stand in the entry itself, and TAI_RECORD_TEXT_MAX is one too long
 *         for that; else what text[i] says
 */
static apr_size_t code_of(tai_phrases_t *phrases, const char *text, const char *before, int shared)
{
    apr_uint16_t number;

    if (text == NULL) {
        return TEXT_NULL;
    }
    if (before != NULL && strcmp(text, before) == 0) {
        return TEXT_BEFORE;
    }
    number = shared ? tai_phrases_number(phrases, text) : 0;
    return number != 0 ? TEXT_PHRASE | number : strnlen(text, TAI_RECORD_TEXT_MAX);
}

apr_size_t tai_entry_pack(tai_phrases_t *phrases, const tai_record_t *record,
                          tai_entry_room_t *room)
{
    unsigned char *to = pack_options(room, record);
    const char *before = NULL;
    apr_size_t left = TAI_RECORD_TEXT_MAX, i;

    for (i = 0; i < TAI_ENTRY_TEXTS; i++) {
        const char *text = *(const char *const *)((const char *)record + texts[i].offset);
        const apr_size_t code = code_of(phrases, text, before, texts[i].shared);

        if (code < TEXT_PHRASE) {
            if (code + 1 > left) {
                return 0;
            }
            memcpy(to, text, code + 1);
            to += code + 1;
            left -= code + 1;
        }
        room->entry.text[i] = (apr_uint16_t)code;
        before = text;
    }
    memset(to, 0, TAI_ENTRY_UNIT);
    room->entry.key = record->key;
    room->entry.standings = (apr_byte_t)(record->account_standing | record->user_standing << 4);
    room->entry.size =
        (apr_uint16_t)((to - (unsigned char *)room + TAI_ENTRY_UNIT - 1) / TAI_ENTRY_UNIT);
    return tai_entry_size(&room->entry);
}

/* ---- out ---------------------------------------------------------------------------------- */

static const unsigned char *unpack_options(int flags, const unsigned char *from,
                                           tai_record_t *record)
{
    apr_size_t i;

    record->expires_at = TAI_NEVER;
    record->revoked_at = TAI_NEVER;
    record->has_token = (flags & HAS_TOKEN) != 0;
    for (i = 0; i < OPTIONS; i++) {
        if (flags & options[i].flag) {
            memcpy((char *)record + options[i].offset, from, options[i].size);
            from += options[i].size;
        }
    }
    return from;
}

/*
 * The head is copied before anything in it is looked at, and the fence keeps the compiler from
 * reading it again: the second time it might say something else.
 */
int tai_entry_copy(const void *from, apr_size_t bytes, tai_entry_t *head, tai_record_copy_t *copy)
{
    const unsigned char *rest = (const unsigned char *)from + sizeof(*head);
    apr_size_t length;

    if (bytes < sizeof(*head)) {
        return 0;
    }
    memcpy(head, from, sizeof(*head));
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    length = sizeof(*head) + options_size(head->flags);
    if (tai_entry_size(head) > bytes || tai_entry_size(head) < length) {
        return 0;
    }
    length = tai_entry_size(head) - length;
    if (length > TAI_RECORD_TEXT_MAX) {
        length = TAI_RECORD_TEXT_MAX; /* behind it is what fills up the last unit */
    }
    copy->record.key = head->key;
    copy->record.account_standing = (tai_standing_e)(head->standings & 0xf);
    copy->record.user_standing = (tai_standing_e)(head->standings >> 4);
    memcpy(copy->text, unpack_options(head->flags, rest, &copy->record), length);
    return 1;
}

void tai_entry_finish(const tai_phrases_t *phrases, const tai_entry_t *head,
                      tai_record_copy_t *copy)
{
    const char *own = copy->text, *text = NULL;
    apr_size_t i;

    for (i = 0; i < TAI_ENTRY_TEXTS; i++) {
        const apr_uint16_t code = head->text[i];

        if (code < TEXT_PHRASE) {
            text = own;
            own += code + 1;
        }
        else if (code == TEXT_NULL) {
            text = NULL;
        }
        else if (code != TEXT_BEFORE) {
            text = tai_phrases_text(phrases, code - TEXT_PHRASE);
        }
        *(const char **)((char *)&copy->record + texts[i].offset) = text;
    }
    copy->length = (apr_size_t)(own - copy->text);
}

/* ---- looking at it ------------------------------------------------------------------------ */

int tai_entry_is_of(const tai_entry_t *entry, const char *account_id, apr_size_t length)
{
    return entry->text[0] == length &&
           memcmp((const char *)(entry + 1) + options_size(entry->flags), account_id, length) == 0;
}

static int check_text(const tai_phrases_t *phrases, apr_uint16_t code, const char *own,
                      apr_size_t left)
{
    if (code < TEXT_PHRASE) {
        return code < left && strnlen(own, left) == code;
    }
    return code == TEXT_NULL || code == TEXT_BEFORE ||
           (code > TEXT_PHRASE && code - TEXT_PHRASE < (int)phrases->used);
}

int tai_entry_check(const tai_phrases_t *phrases, const tai_entry_t *entry, apr_size_t bytes)
{
    const char *own = (const char *)(entry + 1) + options_size(entry->flags);
    const char *end = (const char *)entry + tai_entry_size(entry);
    int i;

    if (tai_entry_size(entry) > bytes || own > end || entry->text[0] == TEXT_BEFORE) {
        return 0;
    }
    for (i = 0; i < TAI_ENTRY_TEXTS; i++) {
        if (!check_text(phrases, entry->text[i], own, (apr_size_t)(end - own))) {
            return 0;
        }
        own += entry->text[i] < TEXT_PHRASE ? entry->text[i] + 1 : 0;
    }
    return end - own < TAI_ENTRY_UNIT;
}
