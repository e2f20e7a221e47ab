#ifndef DATABASE_H
#define DATABASE_H

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <apr_dbd.h>
#include <apr_strings.h>
#include "core/digest.h"
#include "core/store.h"
#include "core/store_schema.h"
#include "unit.h"

/* A directory for each test, and a way to the database that goes round the store. */

static char *dir;  /* of the running test */
static char *path; /* of its database, which is not made yet */

static int remove_entry(const char *name, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(name);
}

static void remove_dir(void)
{
    nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(dir);
    free(path);
}

static void make_dir(void)
{
    const char *base = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";

    ck_assert_int_eq(apr_dbd_init(pool), APR_SUCCESS);
    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    dir = strdup(apr_pstrcat(pool, base, "/store_test.XXXXXX", NULL));
    ck_assert_ptr_nonnull(mkdtemp(dir));
    path = strdup(apr_pstrcat(pool, dir, "/keys.db", NULL));
}

/* In a directory of its own; it is removed in the test's process. */
static void with_dir(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_dir, remove_dir);
}

typedef struct raw_t {
    const apr_dbd_driver_t *driver;
    apr_dbd_t *handle;
} raw_t;

/* Makes the file if it is absent. */
static inline raw_t raw_open(const char *file)
{
    raw_t raw;

    ck_assert_int_eq(apr_dbd_get_driver(pool, "sqlite3", &raw.driver), APR_SUCCESS);
    ck_assert_int_eq(apr_dbd_open(raw.driver, pool, file, &raw.handle), APR_SUCCESS);
    return raw;
}

static inline void raw_close(raw_t *raw)
{
    apr_dbd_close(raw->driver, raw->handle);
}

/* Returns 0, or why it was refused. */
static inline const char *raw_try(const char *file, const char *sql)
{
    raw_t raw = raw_open(file);
    int changed;
    int code = apr_dbd_query(raw.driver, raw.handle, &changed, sql);
    const char *error =
        code ? apr_pstrdup(pool, apr_dbd_error(raw.driver, raw.handle, code)) : NULL;

    raw_close(&raw);
    return error;
}

static inline void raw_run(const char *file, const char *sql)
{
    const char *error = raw_try(file, sql);

    ck_assert_msg(error == NULL, "%s: %s", sql, error);
}

/* The first column of the first row. */
static inline const char *raw_value(const char *file, const char *sql)
{
    raw_t raw = raw_open(file);
    apr_dbd_results_t *results = NULL;
    apr_dbd_row_t *row = NULL;
    const char *value = NULL;

    ck_assert_int_eq(apr_dbd_select(raw.driver, pool, raw.handle, &results, sql, 0), 0);
    while (apr_dbd_get_row(raw.driver, pool, results, &row, -1) == 0) {
        value = value ? value : apr_pstrdup(pool, apr_dbd_get_entry(raw.driver, row, 0));
    }
    raw_close(&raw);
    return value;
}

static inline void init_database(const char *file)
{
    const char *text = "";

    ck_assert_msg(tai_schema_init("sqlite3", file, pool, &text) == APR_SUCCESS, "%s", text);
}

static inline tai_store_t *open_store(const char *params, int max)
{
    tai_store_t *store;

    ck_assert_int_eq(tai_store_create(&store, "sqlite3", params, max, pool), APR_SUCCESS);
    return store;
}

/* A digest of its 64 digits. */
static inline tai_digest_t digest_from(const char *hex)
{
    tai_digest_t digest;

    ck_assert_msg(tai_digest_from_hex(hex, &digest), "%s", hex);
    return digest;
}

static inline const char *hex_of(const tai_digest_t *digest)
{
    char *hex = apr_palloc(pool, TAI_DIGEST_HEX + 1);

    tai_digest_to_hex(digest, hex);
    return hex;
}

/* Look a key up by the 64 digits of its digest. */
static inline apr_status_t find_key(tai_store_t *store, const char *hex, tai_record_t **record,
                                    const char **error)
{
    tai_digest_t key = digest_from(hex);
    apr_int64_t seq;

    return tai_store_find_key(store, &key, pool, record, &seq, error);
}

#endif
