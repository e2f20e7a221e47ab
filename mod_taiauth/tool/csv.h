#ifndef TAICTL_CSV_H
#define TAICTL_CSV_H

#include <stdio.h>
#include <apr.h>

#define TAICTL_RECORD_MAX 16384 /* bytes of a record: more than the longest row has */
#define TAICTL_FIELDS_MAX 16    /* more than there are columns */

/* A file of records, and the one that was read last. It may hold a key: the caller wipes it. */
typedef struct taictl_csv_t {
    FILE *in;
    apr_int64_t line;      /* of the file, where the record begins; the first is 1 */
    apr_int64_t next_line; /* 1 before the first record */
    int count;
    char *field[TAICTL_FIELDS_MAX]; /* in text */
    size_t len;
    char text[TAICTL_RECORD_MAX];
    const char *error; /* static; NULL: none */
} taictl_csv_t;

/**
 * Read the next record (RFC 4180, with LF as good as CRLF); empty lines are none.
 * @return 1; 0: there is none, or error says why the rest cannot be told apart
 */
int taictl_csv_read(taictl_csv_t *csv);

#endif
