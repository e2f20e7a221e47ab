#include "records.h"

#include <string.h>
#include "entry.h"
#include "fault.h"

/*
 *   tai_records_t (sets | changing, evicted, torn | phrases) | set 0 | set 1 | ... | set n-1
 *
 *   set, 32 KiB:
 *
 *     line 0     sequence | used | live | hand
 *     32 lines   slot[512], 32 bits each: tag (16) | offset of the entry in the set, 8-byte units (15)
 *                | read lately (1); 0: none
 *     arena      entry | entry | ... | free
 *
 * Bytes of the digest itself choose the set, the line of slots that a search begins in, and the tag:
 * it is the SHA-256 of random bytes, so nobody can choose where a key of his stands. A look-up reads
 * line 0, one line of slots, and the entry.
 *
 * A set that is twice as large is filled more evenly: of 16 KiB, sets overflowed with 0.8 % of the
 * keys of a table that was made for as many.
 *
 * Sequence: odd while a writer changes the set. The arena has no gaps: who removes an entry closes
 * the gap and makes the slots anew. The mark "read lately" stands in the slot, and not in the entry,
 * because a reader sets it when he is no longer protected by anything: he changes the very slot that
 * he has read, or none at all, wherever the entry has moved to meanwhile.
 */
#define SET_BYTES  32768
#define CACHE_LINE 64
#define LINES      32
#define LINE_SLOTS (CACHE_LINE / sizeof(apr_uint32_t))
#define SLOTS      (LINES * LINE_SLOTS)
#define ARENA      (SET_BYTES - CACHE_LINE - LINES * CACHE_LINE)

/* Times that a reader looks at a set that is being changed: longer than any change of one takes. */
#define TRIES 1000

typedef struct set_t {
    apr_uint32_t sequence;
    apr_uint32_t used; /* of the arena, bytes */
    apr_uint32_t live; /* entries */
    apr_uint32_t hand; /* where the clock stands in the arena, bytes */
    _Alignas(CACHE_LINE) apr_uint32_t slot[SLOTS];
    unsigned char arena[ARENA];
} set_t;

struct tai_records_t {
    apr_uint64_t sets;
    /* apart from what every request reads */
    _Alignas(CACHE_LINE) apr_uint64_t changing; /* number of the set, from 1; 0: none */
    apr_uint64_t evicted;
    apr_uint64_t torn;
    _Alignas(CACHE_LINE) tai_phrases_t phrases;
};

_Static_assert(sizeof(set_t) == SET_BYTES, "a set has no gaps");
_Static_assert(ARENA / TAI_ENTRY_MIN < SLOTS, "the slots cannot run out");
_Static_assert(sizeof(tai_records_t) % CACHE_LINE == 0, "sets start on a cache line");

#define SLOT_READ      0x8000U
#define SLOT_OFFSET(s) (((s) & (SLOT_READ - 1)) * TAI_ENTRY_UNIT)
#define SLOT_TAG(s)    ((s) >> 16)

/* ---- a set -------------------------------------------------------------------------------- */

static set_t *set_at(tai_records_t *table, apr_uint64_t i)
{
    return (set_t *)(table + 1) + i;
}

static apr_uint32_t digest_word(const tai_digest_t *key, int i)
{
    apr_uint32_t word;

    memcpy(&word, key->bytes + (apr_size_t)i * sizeof(word), sizeof(word));
    return word;
}

static apr_uint64_t set_index(const tai_records_t *table, const tai_digest_t *key)
{
    return digest_word(key, 0) * table->sets >> 32;
}

static set_t *set_of(tai_records_t *table, const tai_digest_t *key)
{
    return set_at(table, set_index(table, key));
}

static apr_uint32_t tag_of(const tai_digest_t *key)
{
    return digest_word(key, 1) >> 16;
}

static apr_uint32_t first_slot(const tai_digest_t *key)
{
    return digest_word(key, 1) % LINES * LINE_SLOTS;
}

static tai_entry_t *entry_at(set_t *set, apr_size_t arena_offset)
{
    return (tai_entry_t *)(set->arena + arena_offset);
}

/*
 * What somebody else is writing may say anything: only what lies in the set is looked at.
 * @param at  set to where its slot is
 * @return the slot; 0: there is no such entry
 */
static apr_uint32_t find_slot(const set_t *set, const tai_digest_t *key, apr_uint32_t *at)
{
    const apr_uint32_t tag = tag_of(key), first = first_slot(key);
    apr_uint32_t i, slot;

    for (i = 0; i < SLOTS; i++) {
        *at = (first + i) % SLOTS;
        slot = __atomic_load_n(&set->slot[*at], __ATOMIC_RELAXED);
        if (slot == 0) {
            return 0;
        }
        if (SLOT_TAG(slot) == tag && SLOT_OFFSET(slot) <= SET_BYTES - sizeof(tai_entry_t) &&
            memcmp((const char *)set + SLOT_OFFSET(slot), key, sizeof(*key)) == 0) {
            return slot;
        }
    }
    return 0;
}

/* Harmless at any moment: see above. Nothing is written where the mark is there already. */
static void mark_read(set_t *set, apr_uint32_t at, apr_uint32_t slot)
{
    if (!(slot & SLOT_READ)) {
        __atomic_compare_exchange_n(&set->slot[at], &slot, slot | SLOT_READ, 0, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    }
}

/* @return 1: found; 0: not there; -1: somebody is changing the set */
static int try_find(tai_records_t *table, const tai_digest_t *key, tai_record_copy_t *copy)
{
    set_t *set = set_of(table, key);
    const apr_uint32_t sequence = __atomic_load_n(&set->sequence, __ATOMIC_ACQUIRE);
    apr_uint32_t slot, at;
    tai_entry_t head;
    int found;

    if (sequence & 1) {
        return -1;
    }
    slot = find_slot(set, key, &at);
    found = slot != 0 && tai_entry_copy((const char *)set + SLOT_OFFSET(slot),
                                        SET_BYTES - SLOT_OFFSET(slot), &head, copy);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (__atomic_load_n(&set->sequence, __ATOMIC_RELAXED) != sequence) {
        return -1;
    }
    if (found) {
        mark_read(set, at, slot);
        tai_entry_finish(&table->phrases, &head, copy);
    }
    return found;
}

static void wait_a_moment(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int tai_records_find(tai_records_t *table, const tai_digest_t *key, tai_record_copy_t *copy)
{
    int tries = 0, found;

    while ((found = try_find(table, key, copy)) < 0) {
        if (++tries == TRIES) {
            return 0;
        }
        wait_a_moment();
    }
    return found;
}

/* ---- changing a set ----------------------------------------------------------------------- */

/* The set is named before it is touched, for who inherits the lock. */
static void begin(tai_records_t *table, set_t *set)
{
    const apr_uint64_t number = (apr_uint64_t)(set - set_at(table, 0)) + 1;

    __atomic_store_n(&table->changing, number, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&set->sequence, set->sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void end(tai_records_t *table, set_t *set)
{
    __atomic_store_n(&set->sequence, set->sequence + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&table->changing, 0, __ATOMIC_RELEASE);
}

static void clear_slots(set_t *set)
{
    memset(set->slot, 0, sizeof(set->slot));
    set->live = 0;
}

static void clear(set_t *set)
{
    clear_slots(set);
    set->used = 0;
    set->hand = 0;
}

static void add_slot(set_t *set, const tai_entry_t *entry)
{
    const apr_uint32_t units =
        (apr_uint32_t)((const char *)entry - (const char *)set) / TAI_ENTRY_UNIT;
    apr_uint32_t at = first_slot(&entry->key);

    while (set->slot[at] != 0) {
        at = (at + 1) % SLOTS;
    }
    /* readers may be at it, so it is written at once */
    __atomic_store_n(&set->slot[at],
                     tag_of(&entry->key) << 16 | (entry->flags & TAI_ENTRY_READ ? SLOT_READ : 0) |
                         units,
                     __ATOMIC_RELAXED);
    set->live++;
}

/* Before entries are moved: the marks of readers go with them. */
static void take_marks(set_t *set)
{
    apr_uint32_t i;

    for (i = 0; i < SLOTS; i++) {
        const apr_uint32_t slot = __atomic_load_n(&set->slot[i], __ATOMIC_RELAXED);
        tai_entry_t *entry = (tai_entry_t *)((char *)set + SLOT_OFFSET(slot));

        if (slot != 0) {
            entry->flags = (apr_byte_t)((entry->flags & ~TAI_ENTRY_READ) |
                                        (slot & SLOT_READ ? TAI_ENTRY_READ : 0));
        }
    }
}

/* Close the gaps of entries that are gone. The slots are no longer right then. */
static void close_gaps(set_t *set)
{
    const apr_uint32_t end_of_all = set->used, hand = set->hand;
    apr_uint32_t from, to = 0, size;

    set->hand = 0;
    for (from = 0; from < end_of_all; from += size) {
        tai_entry_t *entry = entry_at(set, from);

        size = (apr_uint32_t)tai_entry_size(entry);
        if (from == hand) {
            set->hand = to;
        }
        if (!(entry->flags & TAI_ENTRY_GONE)) {
            memmove(entry_at(set, to), entry, size);
            to += size;
        }
        TAI_FAULT("records.compact");
    }
    set->used = to;
}

static void make_slots(set_t *set)
{
    apr_uint32_t at;

    clear_slots(set);
    for (at = 0; at < set->used; at += (apr_uint32_t)tai_entry_size(entry_at(set, at))) {
        add_slot(set, entry_at(set, at));
    }
}

/*
 * The clock: its hand goes round over the entries; one that was read since it last came by stays,
 * the others go, until there is room. What comes new stands right behind the hand, so that it has a
 * whole round to be read in.
 * @param freed  bytes of entries that are gone already
 */
static void evict(tai_records_t *table, set_t *set, apr_size_t freed, apr_size_t needed)
{
    while (ARENA - set->used + freed < needed) {
        tai_entry_t *entry;

        if (set->hand >= set->used) {
            set->hand = 0;
        }
        entry = entry_at(set, set->hand);
        if (entry->flags & TAI_ENTRY_READ) {
            entry->flags &= (apr_byte_t)~TAI_ENTRY_READ;
        }
        else if (!(entry->flags & TAI_ENTRY_GONE)) {
            entry->flags |= TAI_ENTRY_GONE;
            freed += tai_entry_size(entry);
            __atomic_fetch_add(&table->evicted, 1, __ATOMIC_RELAXED);
        }
        set->hand += (apr_uint32_t)tai_entry_size(entry);
    }
}

/* @param old  slot of an entry that is to go; 0: none */
static void make_room(tai_records_t *table, set_t *set, apr_uint32_t old, apr_size_t needed)
{
    apr_size_t freed = 0;

    take_marks(set);
    if (old != 0) {
        tai_entry_t *entry = (tai_entry_t *)((char *)set + SLOT_OFFSET(old));

        entry->flags |= TAI_ENTRY_GONE;
        freed = tai_entry_size(entry);
    }
    evict(table, set, freed, needed);
    close_gaps(set);
}

/* @return the new entry, in front of what stood there */
static tai_entry_t *place(set_t *set, apr_uint32_t at, const tai_entry_room_t *room)
{
    const apr_size_t size = tai_entry_size(&room->entry);

    memmove(entry_at(set, at + size), entry_at(set, at), set->used - at);
    memcpy(entry_at(set, at), room, size);
    TAI_FAULT("records.put");
    set->used += (apr_uint32_t)size;
    return entry_at(set, at);
}

static void place_at_hand(set_t *set, const tai_entry_room_t *room)
{
    place(set, set->hand, room);
    set->hand += (apr_uint32_t)tai_entry_size(&room->entry);
    make_slots(set);
}

/* ---- the table ---------------------------------------------------------------------------- */

static apr_uint64_t sets_for(apr_uint64_t keys)
{
    return (keys * TAI_RECORDS_KEY_BYTES + SET_BYTES - 1) / SET_BYTES;
}

apr_size_t tai_records_bytes(apr_uint64_t keys)
{
    return keys > 0 ? sizeof(tai_records_t) + sets_for(keys) * SET_BYTES : 0;
}

apr_uint64_t tai_records_keys(apr_size_t bytes)
{
    return bytes < sizeof(tai_records_t)
               ? 0
               : (bytes - sizeof(tai_records_t)) / SET_BYTES * SET_BYTES / TAI_RECORDS_KEY_BYTES;
}

void tai_records_format(tai_records_t *block, apr_uint64_t keys)
{
    block->sets = sets_for(keys);
}

void tai_records_mend(tai_records_t *table)
{
    const apr_uint64_t number = __atomic_load_n(&table->changing, __ATOMIC_ACQUIRE);
    set_t *set;

    if (number == 0) {
        return;
    }
    set = set_at(table, number - 1);
    if (set->sequence & 1) {
        clear(set);
        __atomic_fetch_add(&table->torn, 1, __ATOMIC_RELAXED);
        __atomic_store_n(&set->sequence, set->sequence + 1, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&table->changing, 0, __ATOMIC_RELEASE);
}

int tai_records_put(tai_records_t *table, const tai_record_t *record)
{
    set_t *set = set_of(table, &record->key);
    tai_entry_room_t room;
    const apr_size_t size = tai_entry_pack(&table->phrases, record, &room);
    apr_uint32_t at, old;

    if (size == 0) {
        tai_records_strike(table, &record->key);
        return 0;
    }
    old = find_slot(set, &record->key, &at);
    begin(table, set);
    if (old != 0 || ARENA - set->used < size) {
        make_room(table, set, old, size);
        place_at_hand(set, &room);
    }
    else {
        add_slot(set, place(set, set->used, &room));
    }
    end(table, set);
    return 1;
}

void tai_records_strike(tai_records_t *table, const tai_digest_t *key)
{
    set_t *set = set_of(table, key);
    apr_uint32_t at;
    const apr_uint32_t old = find_slot(set, key, &at);

    if (old != 0) {
        begin(table, set);
        make_room(table, set, old, 0);
        make_slots(set);
        end(table, set);
    }
}

/* @return where the first entry of the account from there on stands, or the end of all */
static apr_uint32_t next_of_account(set_t *set, apr_uint32_t from, const char *account_id,
                                    apr_size_t length)
{
    while (from < set->used && !tai_entry_is_of(entry_at(set, from), account_id, length)) {
        from += (apr_uint32_t)tai_entry_size(entry_at(set, from));
    }
    return from;
}

static void strike_account_in(tai_records_t *table, set_t *set, apr_uint32_t first,
                              const char *account_id, apr_size_t length)
{
    apr_uint32_t at;

    begin(table, set);
    take_marks(set);
    for (at = first; at < set->used; at = next_of_account(set, at, account_id, length)) {
        entry_at(set, at)->flags |= TAI_ENTRY_GONE;
        at += (apr_uint32_t)tai_entry_size(entry_at(set, at));
    }
    close_gaps(set);
    make_slots(set);
    end(table, set);
}

void tai_records_strike_account(tai_records_t *table, const char *account_id)
{
    const apr_size_t length = strlen(account_id);
    apr_uint64_t i;

    for (i = 0; i < table->sets; i++) {
        set_t *set = set_at(table, i);
        const apr_uint32_t first = next_of_account(set, 0, account_id, length);

        if (first < set->used) {
            strike_account_in(table, set, first, account_id, length);
        }
    }
}

void tai_records_empty(tai_records_t *table)
{
    apr_uint64_t i;

    for (i = 0; i < table->sets; i++) {
        set_t *set = set_at(table, i);

        if (set->live > 0) {
            begin(table, set);
            clear(set);
            end(table, set);
        }
    }
}

/* ---- looking at it ------------------------------------------------------------------------ */

static const set_t *const_set_at(const tai_records_t *table, apr_uint64_t i)
{
    return (const set_t *)(table + 1) + i;
}

void tai_records_usage(const tai_records_t *table, tai_records_usage_t *usage)
{
    apr_uint64_t i;

    *usage = (tai_records_usage_t){
        .bytes = sizeof(*table) + table->sets * SET_BYTES,
        .used = (apr_uint64_t)__atomic_load_n(&table->phrases.used, __ATOMIC_RELAXED) *
                TAI_PHRASES_UNIT,
        .evicted = __atomic_load_n(&table->evicted, __ATOMIC_RELAXED),
        .torn = __atomic_load_n(&table->torn, __ATOMIC_RELAXED),
    };
    for (i = 0; i < table->sets; i++) {
        const set_t *set = const_set_at(table, i);
        const apr_uint64_t live = __atomic_load_n(&set->live, __ATOMIC_RELAXED);

        usage->used += __atomic_load_n(&set->used, __ATOMIC_RELAXED) + live * sizeof(set->slot[0]);
        usage->live += live;
    }
}

static int has_slots(const set_t *set)
{
    apr_uint32_t i, taken = 0;

    for (i = 0; i < SLOTS; i++) {
        taken += set->slot[i] != 0;
    }
    return taken == set->live;
}

/* Is this an entry that belongs where it stands, and is it found there? */
static int is_in_place(const tai_records_t *table, const set_t *set, apr_uint32_t offset)
{
    const tai_entry_t *entry = (const tai_entry_t *)(set->arena + offset);
    apr_uint32_t at;

    return set->used - offset >= TAI_ENTRY_MIN &&
           tai_entry_check(&table->phrases, entry, set->used - offset) &&
           !(entry->flags & TAI_ENTRY_GONE) &&
           const_set_at(table, set_index(table, &entry->key)) == set &&
           (const char *)set + SLOT_OFFSET(find_slot(set, &entry->key, &at)) == (const char *)entry;
}

static int is_in_order(const tai_records_t *table, const set_t *set)
{
    apr_uint32_t offset, entries = 0;

    if (set->sequence & 1 || set->used > ARENA || set->hand > set->used || !has_slots(set)) {
        return 0;
    }
    for (offset = 0; offset < set->used; entries++) {
        if (!is_in_place(table, set, offset)) {
            return 0;
        }
        offset += (apr_uint32_t)tai_entry_size((const tai_entry_t *)(set->arena + offset));
    }
    return entries == set->live;
}

apr_uint64_t tai_records_check(const tai_records_t *table)
{
    apr_uint64_t i, wrong = 0;

    for (i = 0; i < table->sets; i++) {
        wrong += !is_in_order(table, const_set_at(table, i));
    }
    return wrong;
}
