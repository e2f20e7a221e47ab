#include "store_schema.h"
#include "store_driver.h"
#include "store_private.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const int tai_store_schema_version = TAI_SCHEMA_VERSION;

/* The start of a server waits for this. */
static const tai_store_limits_t asking = {.connect_ms = 5000, .change_ms = 5000};

/* A connection that ends with a pool of its own, so that the next one sees what this one did. */
static apr_status_t connect_once(const tai_database_t *database, const tai_store_limits_t *limits,
                                 apr_pool_t *p, apr_pool_t **pool, tai_connection_t **connection,
                                 const char **text)
{
    apr_status_t rv = apr_pool_create(pool, p);
    tai_times_t *times;

    if (rv == APR_SUCCESS) {
        times = apr_pcalloc(*pool, sizeof(*times));
        times->connect_ms = database->connect_ms ? database->connect_ms : limits->connect_ms;
        times->statement_ms = limits->change_ms;
        tai_keeper_create(&times->keeper, NULL, *pool);
        rv = tai_connection_create(connection, database, times, *pool);
    }
    if (rv != APR_SUCCESS) {
        *text = "out of memory";
    }
    return rv;
}

static apr_status_t read_version(tai_connection_t *connection, apr_pool_t *p, int *version,
                                 const char **text)
{
    apr_array_header_t *rows;
    const char *value;
    apr_status_t rv;

    *version = 0;
    rv = tai_connection_select(connection, TAI_SQL_SCHEMA_TABLES, NULL, p, &rows, text);
    if (rv != APR_SUCCESS || rows->nelts == 0) {
        return rv;
    }
    rv = tai_connection_select(connection, TAI_SQL_SCHEMA_VERSION, NULL, p, &rows, text);
    if (rv == APR_SUCCESS) {
        value = APR_ARRAY_IDX(rows, 0, tai_row_t)[0];
        *version = value ? atoi(value) : 0;
    }
    return rv;
}

/* A replica would tell of a revocation late, or never; what cannot be written to serves nobody. */
static apr_status_t check_fit(tai_connection_t *connection, const tai_database_t *database,
                              apr_pool_t *p, const char **text)
{
    apr_array_header_t *rows;
    const char *reason;
    apr_status_t rv = tai_connection_select(connection, TAI_SQL_UNFIT, NULL, p, &rows, text);

    if (rv != APR_SUCCESS || rows->nelts == 0) {
        return rv;
    }
    reason = APR_ARRAY_IDX(rows, 0, tai_row_t)[0];
    if (reason) {
        *text = apr_psprintf(p, "database %s %s", database->name, reason);
        tai_connection_reject(connection);
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

/* Nothing to be asked: there is no file, or it is empty. */
static apr_status_t is_blank(const tai_database_t *database, apr_pool_t *p, int *blank,
                             const char **text)
{
    tai_identity_t identity;
    apr_off_t size = 0;
    apr_status_t rv;

    *blank = 0;
    if (!database->path) {
        return APR_SUCCESS;
    }
    rv = tai_database_identity(database, p, &identity, &size, text);
    *blank = rv == APR_ENOENT || (rv == APR_SUCCESS && size == 0);
    return rv == APR_ENOENT ? APR_SUCCESS : rv;
}

/* risk: set to a sentence, or NULL: there is none */
static apr_status_t ask_risk(tai_connection_t *connection, const tai_database_t *database,
                             apr_pool_t *p, const char **risk, const char **text)
{
    apr_array_header_t *rows;
    const char *reason;
    apr_status_t rv = tai_connection_select(connection, TAI_SQL_RISK, NULL, p, &rows, text);

    if (rv == APR_SUCCESS && rows->nelts > 0) {
        reason = APR_ARRAY_IDX(rows, 0, tai_row_t)[0];
        *risk = reason ? apr_psprintf(p, "database %s: %s", database->name, reason) : NULL;
    }
    return rv;
}

/*
 * @param risk  as for ask_risk; NULL: of no interest
 * @return as tai_store_check_schema
 */
static apr_status_t ask_version(const tai_database_t *database, apr_pool_t *p, int *version,
                                const char **risk, const char **text)
{
    tai_connection_t *connection;
    apr_pool_t *pool;
    int blank;
    apr_status_t rv = is_blank(database, p, &blank, text);

    *version = 0;
    if (rv != APR_SUCCESS || blank) {
        return rv;
    }
    rv = connect_once(database, &asking, p, &pool, &connection, text);
    if (rv == APR_SUCCESS) {
        rv = check_fit(connection, database, p, text);
        if (rv == APR_SUCCESS) {
            rv = read_version(connection, p, version, text);
        }
        if (rv == APR_SUCCESS && risk) {
            rv = ask_risk(connection, database, p, risk, text);
        }
        apr_pool_destroy(pool);
    }
    return rv;
}

apr_status_t tai_schema_version(const char *driver, const char *params, apr_pool_t *p, int *version,
                                const char **text)
{
    const tai_database_t *database;
    apr_status_t rv = tai_database_resolve(driver, params, p, &database, text);

    return rv == APR_SUCCESS ? ask_version(database, p, version, NULL, text) : rv;
}

/* Older ones can be helped by taictl, newer ones cannot. */
static const char *other_text(const tai_database_t *database, int version, apr_pool_t *p)
{
    if (version > tai_store_schema_version) {
        return apr_psprintf(p,
                            "database %s has schema version %d, this program knows %d: install "
                            "the mod_taiauth that made it, or a newer one",
                            database->name, version, tai_store_schema_version);
    }
    return apr_psprintf(p,
                        "database %s has schema version %d, this program needs %d; bring it up "
                        "with: taictl db migrate %s",
                        database->name, version, tai_store_schema_version, database->options);
}

static tai_store_state_e judge_version(const tai_database_t *database, int version, apr_pool_t *p,
                                       const char **text)
{
    if (version == 0) {
        *text = tai_database_absent_text(database, p);
        return TAI_STORE_ABSENT;
    }
    if (version != tai_store_schema_version) {
        *text = other_text(database, version, p);
        return TAI_STORE_OTHER;
    }
    *text = NULL;
    return TAI_STORE_READY;
}

tai_store_state_e tai_store_check(const char *driver, const char *params, apr_pool_t *p,
                                  const char **text)
{
    const tai_database_t *database;
    const char *risk = NULL;
    tai_store_state_e state;
    int version;
    apr_status_t rv;

    *text = NULL;
    rv = tai_database_resolve(driver, params, p, &database, text);
    if (rv == APR_SUCCESS) {
        rv = ask_version(database, p, &version, &risk, text);
    }
    if (rv != APR_SUCCESS) {
        return rv == APR_EINVAL ? TAI_STORE_UNFIT : TAI_STORE_UNREACHABLE;
    }
    state = judge_version(database, version, p, text);
    *text = state == TAI_STORE_READY ? risk : *text;
    return state;
}

apr_status_t tai_store_check_schema(tai_connection_t *connection, const tai_database_t *database,
                                    apr_pool_t *p, const char **text)
{
    int version;
    apr_status_t rv = check_fit(connection, database, p, text);

    if (rv == APR_SUCCESS) {
        rv = read_version(connection, p, &version, text);
    }
    if (rv == APR_SUCCESS && judge_version(database, version, p, text) != TAI_STORE_READY) {
        tai_connection_reject(connection);
        rv = APR_EGENERAL;
    }
    return rv;
}

static apr_status_t apply(tai_connection_t *connection, const tai_database_t *database, int version,
                          apr_pool_t *p, const char **text)
{
    const char *const *statement = database->driver->migrations[version - 1];
    const char *number = apr_itoa(p, version);
    const char *now = apr_psprintf(p, "%" APR_INT64_T_FMT, apr_time_sec(apr_time_now()));
    apr_status_t rv = APR_SUCCESS;

    for (; rv == APR_SUCCESS && *statement; statement++) {
        rv = tai_connection_run(connection, *statement, p, text);
    }
    if (rv == APR_SUCCESS) {
        rv = tai_connection_change(connection, TAI_SQL_SCHEMA_APPLIED, TAI_ARGS(number, now), p,
                                   NULL, text);
    }
    return rv;
}

/*
 * Apply the next migration. The version is read again inside the transaction: of two programs that
 * migrate at once, the second finds nothing left to do.
 */
static apr_status_t step(const tai_database_t *database, apr_pool_t *p, int *version,
                         const char **text)
{
    tai_connection_t *connection;
    apr_pool_t *pool;
    apr_status_t rv = connect_once(database, &tai_store_patient, p, &pool, &connection, text);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = tai_connection_begin(connection, TAI_SQL_LOCK_SCHEMA, pool, text);
    if (rv == APR_SUCCESS) {
        rv = read_version(connection, p, version, text);
    }
    if (rv == APR_SUCCESS && *version < tai_store_schema_version) {
        *version += 1;
        rv = apply(connection, database, *version, p, text);
    }
    if (rv == APR_SUCCESS) {
        rv = tai_connection_end(connection, 1, p, text);
    }
    apr_pool_destroy(pool);
    return rv;
}

static apr_status_t migrate(const tai_database_t *database, int version, apr_pool_t *p,
                            const char **text)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && version < tai_store_schema_version) {
        rv = step(database, p, &version, text);
    }
    return rv;
}

apr_status_t tai_schema_migrate(const char *driver, const char *params, apr_pool_t *p, int *from,
                                const char **text)
{
    const tai_database_t *database;
    apr_status_t rv;

    rv = tai_database_resolve(driver, params, p, &database, text);
    if (rv == APR_SUCCESS) {
        rv = ask_version(database, p, from, NULL, text);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (*from == 0) {
        *text = tai_database_absent_text(database, p);
        return APR_EGENERAL;
    }
    if (*from > tai_store_schema_version) {
        *text = other_text(database, *from, p);
        return APR_EGENERAL;
    }
    return migrate(database, *from, p, text);
}

/* How often a file is tried that somebody else fills at the same moment, and after how many milliseconds. */
#define JOURNAL_TRIES   50
#define JOURNAL_WAIT_MS 100

/* WAL: a look-up neither waits for a writer nor makes one wait. It is a lasting property. */
static apr_status_t try_journal(const tai_database_t *database, apr_pool_t *p, const char **text)
{
    tai_connection_t *connection;
    apr_array_header_t *rows;
    apr_pool_t *pool;
    apr_status_t rv = connect_once(database, &tai_store_patient, p, &pool, &connection, text);

    if (rv == APR_SUCCESS) {
        rv = tai_connection_select(connection, TAI_SQL_JOURNAL, NULL, p, &rows, text);
        apr_pool_destroy(pool);
    }
    return rv;
}

/* For this lock SQLite itself waits for nobody. */
static apr_status_t set_journal(const tai_database_t *database, apr_pool_t *p, const char **text)
{
    apr_status_t rv = try_journal(database, p, text);

    for (int tries = 1; rv != APR_SUCCESS && strstr(*text, "locked") && tries < JOURNAL_TRIES;
         tries++) {
        apr_sleep(apr_time_from_msec(JOURNAL_WAIT_MS));
        rv = try_journal(database, p, text);
    }
    return rv;
}

/* A file that nobody else can read, from its first moment on. */
static apr_status_t create_file(const tai_database_t *database, apr_pool_t *p, int *created,
                                const char **text)
{
    char reason[256];
    apr_file_t *file;
    apr_status_t rv;

    rv = apr_file_open(&file, database->path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_EXCL,
                       APR_FPROT_UREAD | APR_FPROT_UWRITE, p);
    *created = rv == APR_SUCCESS;
    if (rv == APR_SUCCESS) {
        return apr_file_close(file);
    }
    if (APR_STATUS_IS_EEXIST(rv)) {
        return APR_SUCCESS;
    }
    *text = apr_psprintf(p, "database %s cannot be made: %s", database->path,
                         apr_strerror(rv, reason, sizeof(reason)));
    return APR_EGENERAL;
}

/* A file that somebody has put there may be open to others; a database is not. */
static apr_status_t check_mode(const tai_database_t *database, apr_pool_t *p, const char **text)
{
    struct stat info;

    if (stat(database->path, &info) == 0 && (info.st_mode & S_IRWXO) == 0) {
        return APR_SUCCESS;
    }
    *text = apr_psprintf(p,
                         "file %s is there already, and others than its owner and group may use "
                         "it: change its mode first",
                         database->path);
    return APR_EGENERAL;
}

/* The schema, where there is none. */
static apr_status_t fill(const tai_database_t *database, int created, apr_pool_t *p,
                         const char **text)
{
    int version;
    apr_status_t rv = ask_version(database, p, &version, NULL, text);

    if (rv == APR_SUCCESS && version > 0) {
        *text = apr_psprintf(p, "database %s exists already, with schema version %d",
                             database->name, version);
        return APR_EEXIST;
    }
    if (rv == APR_SUCCESS && database->path && !created) {
        rv = check_mode(database, p, text);
    }
    if (rv == APR_SUCCESS) {
        rv = set_journal(database, p, text);
    }
    return rv == APR_SUCCESS ? migrate(database, 0, p, text) : rv;
}

apr_status_t tai_schema_init(const char *driver, const char *params, apr_pool_t *p,
                             const char **text)
{
    const tai_database_t *database;
    int created = 0;
    apr_status_t rv = tai_database_resolve(driver, params, p, &database, text);

    if (rv == APR_SUCCESS && database->path) {
        rv = create_file(database, p, &created, text);
    }
    if (rv == APR_SUCCESS) {
        rv = fill(database, created, p, text);
    }
    if (rv != APR_SUCCESS && created) {
        apr_file_remove(database->path, p);
    }
    return rv;
}

/*
 * To whom the file is given, the directory belongs too, as a rule. It may have become a link
 * meanwhile, to a file that was never meant.
 */
static int give(const char *path, apr_uid_t user, apr_gid_t group)
{
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    int rv = file >= 0 && fstat(file, &info) == 0 ? 0 : errno;

    if (rv == 0 && (!S_ISREG(info.st_mode) || info.st_nlink != 1)) {
        rv = EMLINK;
    }
    if (rv == 0 && fchown(file, user, group) != 0) {
        rv = errno;
    }
    if (file >= 0) {
        close(file);
    }
    return rv;
}

apr_status_t tai_schema_give(const char *driver, const char *params, apr_uid_t user,
                             apr_gid_t group, apr_pool_t *p, const char **text)
{
    const tai_database_t *database;
    char reason[256];
    apr_status_t rv = tai_database_resolve(driver, params, p, &database, text);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!database->path) {
        *text = apr_psprintf(p, "database %s is no file that could be given to anybody",
                             database->name);
        return APR_EGENERAL;
    }
    rv = give(database->path, user, group);
    if (rv != APR_SUCCESS) {
        *text = apr_psprintf(p, "database %s cannot be given away: %s", database->path,
                             apr_strerror(rv, reason, sizeof(reason)));
    }
    return rv;
}
