#ifndef TAI_ENTRY_H
#define TAI_ENTRY_H

#include "phrases.h"
#include "records.h"

/*
 * A record as the key table holds it, a multiple of 8 bytes:
 *
 *   key (32) | size in units (2) | flags | standings | text[11] (2 each)
 *   expires_at (8), revoked_at (8), token (32): each only where it says anything
 *   texts, NUL-terminated, that stand nowhere else
 *
 * text[i] is the length of a text of its own; or the number of a phrase; or "the same as the one
 * before it"; or NULL.
 */
#define TAI_ENTRY_UNIT  8
#define TAI_ENTRY_TEXTS 11

typedef struct tai_entry_t {
    tai_digest_t key;
    apr_uint16_t size; /* of all of it, in units */
    apr_byte_t flags;
    apr_byte_t standings; /* of the account: low four bits; of the user: high */
    apr_uint16_t text[TAI_ENTRY_TEXTS];
} tai_entry_t;

/* Flags that are the table's; the others are of no meaning to it. */
#define TAI_ENTRY_READ 0x40 /* lately */
#define TAI_ENTRY_GONE 0x80 /* about to be removed */

#define TAI_ENTRY_MIN ((sizeof(tai_entry_t) + TAI_ENTRY_UNIT - 1) / TAI_ENTRY_UNIT * TAI_ENTRY_UNIT)

/* Room for any entry. */
typedef struct tai_entry_room_t {
    tai_entry_t entry;
    unsigned char
        rest[2 * sizeof(apr_int64_t) + sizeof(tai_digest_t) + TAI_RECORD_TEXT_MAX + TAI_ENTRY_UNIT];
} tai_entry_room_t;

/**
 * Pack a record.
 * @param phrases  what many records have in common is put there, as far as there is room
 * @param record   copied
 * @param room     set to the entry, without flags of the table
 * @return its size in bytes; 0: its texts are too long
 */
apr_size_t tai_entry_pack(tai_phrases_t *phrases, const tai_record_t *record,
                          tai_entry_room_t *room);

/**
 * @return its size in bytes
 */
apr_size_t tai_entry_size(const tai_entry_t *entry);

/**
 * Copy out of shared memory what somebody else may be changing at the same time. Nothing is read
 * beyond bytes, whatever it says.
 * @param from   an entry, or anything
 * @param bytes  how many there are
 * @param head   set to its first part, for tai_entry_finish
 * @param copy   all but the pointers to the texts
 * @return 1; 0: this is no entry
 */
int tai_entry_copy(const void *from, apr_size_t bytes, tai_entry_t *head, tai_record_copy_t *copy);

/**
 * Have the texts of a copy pointed to, once it is known that nobody changed it meanwhile.
 * @param head  from tai_entry_copy
 */
void tai_entry_finish(const tai_phrases_t *phrases, const tai_entry_t *head,
                      tai_record_copy_t *copy);

/**
 * @param length  of the id
 * @return 1: it is a record of this account
 */
int tai_entry_is_of(const tai_entry_t *entry, const char *account_id, apr_size_t length);

/**
 * @param bytes  how many there are, at least TAI_ENTRY_MIN
 * @return 1: its parts add up to its size, and its texts are texts
 */
int tai_entry_check(const tai_phrases_t *phrases, const tai_entry_t *entry, apr_size_t bytes);

#endif
