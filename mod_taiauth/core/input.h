#ifndef TAI_INPUT_H
#define TAI_INPUT_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <jansson.h>

/*
 * JSON that a stranger sends, before anything is done with it (RFC 8259): one object, valid UTF-8,
 * no member twice, no NUL in a text, nothing behind it, no deeper than TAI_INPUT_DEPTH.
 */
#define TAI_INPUT_DEPTH 8

/**
 * @param what   it is, for the sentence: "The body"
 * @param bytes  need not end in NUL
 * @param len    how many
 * @param p      the object lives as long as this pool; texts too
 * @param out    set to the object
 * @return NULL, or a sentence for the client: what is wrong, and where
 */
const char *tai_input_parse(const char *what, const char *bytes, apr_size_t len, apr_pool_t *p,
                            json_t **out);

typedef enum {
    TAI_INPUT_TEXT,  /* const char * */
    TAI_INPUT_TEXTS, /* const apr_array_header_t *, of const char *; at least one, 100 at the most */
    TAI_INPUT_NUMBER, /* apr_int64_t; an integer, not 1.0 */
    TAI_INPUT_FLAG    /* int, 0 or 1 */
} tai_input_type_e;

/* One member that an object may have. */
typedef struct tai_input_field_t {
    const char *name; /* NULL ends the list */
    tai_input_type_e type;
    int required;
    int nullable;      /* null is as good as leaving it out */
    apr_size_t offset; /* of the value in the struct that is filled */
} tai_input_field_t;

/**
 * Read the members of an object into a struct. Members left out leave their value as it was.
 * @param object  from tai_input_parse
 * @param fields  all that there may be: any other member is an error that names these
 * @param out     a struct; what it points to lives in p, or as long as the object
 * @return NULL, or a sentence for the client
 */
const char *tai_input_read(json_t *object, const tai_input_field_t *fields, void *out,
                           apr_pool_t *p);

#endif
