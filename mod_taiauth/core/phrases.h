#ifndef TAI_PHRASES_H
#define TAI_PHRASES_H

#include <apr.h>

/*
 * Texts that many records share, each kept once: lists of scopes, plans, limits. Shared memory of
 * fixed size to which texts are only ever added: none of them moves or goes, so that a reader may
 * hold on to one without a lock, for as long as the memory is there. When it is full, the texts
 * stand where they would have stood without it.
 *
 *   used, count | slot[] (16 bits: number of a text, 0: none) | texts, each with its NUL
 *
 * The number of a text is its place in units of 4 bytes. A writer who is killed leaves some bytes
 * that nobody uses at the most.
 */
#define TAI_PHRASES_UNIT  4
#define TAI_PHRASES_UNITS 16384
#define TAI_PHRASES_SLOTS 4096

typedef struct tai_phrases_t {
    apr_uint32_t used;  /* units */
    apr_uint32_t count; /* texts */
    apr_uint16_t slot[TAI_PHRASES_SLOTS];
    char text[TAI_PHRASES_UNITS * TAI_PHRASES_UNIT];
} tai_phrases_t;

/**
 * The number of a text, which is added if need be. For one writer at a time.
 * @param phrases  zeroed at first
 * @param text     NUL-terminated
 * @return 1 to TAI_PHRASES_UNITS - 1; 0: there is no room for it
 */
apr_uint16_t tai_phrases_number(tai_phrases_t *phrases, const char *text);

/**
 * @param number  from tai_phrases_number
 * @return the text; lives as long as the memory
 */
const char *tai_phrases_text(const tai_phrases_t *phrases, apr_uint16_t number);

#endif
