#include "store_driver.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "migrations_mysql.inc"

_Static_assert(sizeof(migrations_mysql) / sizeof(migrations_mysql[0]) == TAI_SCHEMA_VERSION,
               "a migration of mysql is missing");

/* ---- parameters ---------------------------------------------------------------------------- */

/* Where the driver ends a value; there is no way to quote one. */
#define SEPARATORS " \r\n\t;|,"

/*
 * What may be given. The driver knows fldsz, too: how many bytes of a value it reads, the rest being
 * lost. It takes whatever it does not know for nothing, and every word that begins like one of these
 * for that one.
 */
#define LOCAL_HOST "localhost" /* over a Unix socket */

enum { HOST, PORT, SOCK, DBNAME, USER, PASS, GROUP, RECONNECT, FLAGS, WORD_COUNT };

static const struct {
    const char *name;
    const char *only;      /* the only value allowed; it is added where it is not given */
    const char *otherwise; /* what the driver is told where it is not given */
} words[WORD_COUNT] = {
    /* else a file of options or the environment may lead elsewhere than is known here */
    [HOST] = {"host", NULL, LOCAL_HOST},
    [PORT] = {"port", NULL, "3306"},
    [SOCK] = {"sock", NULL, NULL},
    [DBNAME] = {"dbname", NULL, NULL},
    [USER] = {"user", NULL, NULL},
    [PASS] = {"pass", NULL, NULL},
    [GROUP] = {"group", NULL, NULL},
    /* else a transaction whose server has gone goes on in a new session, without its beginning */
    [RECONNECT] = {"reconnect", "0", "0"},
    /* else a change that finds what it wants to write is taken for one that found no row */
    [FLAGS] = {"flags", "CLIENT_FOUND_ROWS", "CLIENT_FOUND_ROWS"},
};

/* The longest text of a row in bytes: 2000 characters of up to four. The driver's default takes a
 * megabyte of memory for each column that might be that long. */
#define FIELD_SIZE "fldsz=8000"

/* "host, port, ..., reconnect=0" */
static const char *allowed_words(apr_pool_t *p)
{
    const char *text = "";

    for (int i = 0; i < WORD_COUNT; i++) {
        text = apr_pstrcat(p, text, i ? ", " : "", words[i].name, words[i].only ? "=" : "",
                           words[i].only ? words[i].only : "", NULL);
    }
    return text;
}

/* Which one a word is, "host=127.0.0.1": WORD_COUNT for none. */
static int find_word(const char *given, const char **value)
{
    int i = 0;
    apr_size_t length = strcspn(given, "=");

    while (i < WORD_COUNT &&
           (strlen(words[i].name) != length || memcmp(given, words[i].name, length) != 0)) {
        i++;
    }
    *value = given[length] ? given + length + 1 : NULL;
    return *value && **value ? i : WORD_COUNT;
}

static const char *check_port(const char *port)
{
    char *end;
    long number = strtol(port, &end, 10);

    return apr_isdigit(*port) && !*end && number >= 1 && number <= 65535
               ? NULL
               : "the port in the database's parameters must be from 1 to 65535";
}

/* What is wrong with a value: NULL, or a sentence. */
static const char *check_value(int word, const char *value, apr_pool_t *p)
{
    if (word == PORT) {
        return check_port(value);
    }
    if (!words[word].only || strcmp(value, words[word].only) == 0) {
        return NULL;
    }
    return apr_psprintf(p, "%s in the database's parameters can only be %s, which it is anyway",
                        words[word].name, words[word].only);
}

/*
 * Take the parameters apart. A word that is none of ours is not repeated: it may be the rest of a
 * password that holds a separator.
 */
static const char *read_words(const char *given, apr_pool_t *p, const char *values[WORD_COUNT])
{
    char *rest, *word = apr_strtok(apr_pstrdup(p, given), SEPARATORS, &rest);
    const char *value, *error = NULL;

    for (int number = 1; word && !error; number++) {
        int i = find_word(word, &value);

        if (i == WORD_COUNT) {
            return apr_psprintf(p,
                                "word %d of the database's parameters is none of NAME=VALUE with a "
                                "NAME that is allowed: %s; a blank, a comma, a semicolon or | ends "
                                "a word, and no VALUE can hold one",
                                number, allowed_words(p));
        }
        error = values[i]
                    ? apr_psprintf(p, "%s is twice in the database's parameters", words[i].name)
                    : check_value(i, value, p);
        values[i] = value;
        word = apr_strtok(NULL, SEPARATORS, &rest);
    }
    return error;
}

/* The words as the driver reads them; what texts call the database has no password. */
static const char *write_words(const char *const values[WORD_COUNT], int for_driver, apr_pool_t *p)
{
    const char *text = for_driver ? FIELD_SIZE : "";

    for (int i = 0; i < WORD_COUNT; i++) {
        const char *value = for_driver && !values[i] ? words[i].otherwise : values[i];

        if (value && (for_driver || (i != PASS && !words[i].only))) {
            text = apr_pstrcat(p, text, *text ? "," : "", words[i].name, "=", value, NULL);
        }
    }
    return text;
}

static int is_local(const char *const values[WORD_COUNT])
{
    return !values[HOST] || strcmp(values[HOST], LOCAL_HOST) == 0;
}

/* What is given holds whatever stands in a file of options: so it is known where a socket leads. */
static const char *judge_words(const char *const values[WORD_COUNT])
{
    if (!values[DBNAME]) {
        return "the database's parameters name no database: dbname=NAME";
    }
    if (values[GROUP] && !values[is_local(values) ? SOCK : PORT]) {
        return "with group=NAME the database's parameters must say where the server is, host=NAME "
               "and port=NUMBER, or sock=PATH for one on this host: what stands in the file of "
               "options is not known when the time-out of a connection is kept";
    }
    return NULL;
}

/* What the driver's library would take: so it is known which it is. NULL: it has its own. */
static const char *socket_of_environment(void)
{
    const char *path = getenv("MYSQL_UNIX_PORT");

    return path && *path && !strpbrk(path, SEPARATORS) ? path : NULL;
}

/* NULL: it is a name, and stands for whatever it leads to. */
static const char *numeric(const char *host, apr_pool_t *p)
{
    static const int families[] = {AF_INET, AF_INET6};
    unsigned char address[sizeof(struct in6_addr)];
    char *text = apr_palloc(p, INET6_ADDRSTRLEN);

    for (int i = 0; host && i < 2; i++) {
        if (inet_pton(families[i], host, address) == 1) {
            return inet_ntop(families[i], address, text, INET6_ADDRSTRLEN);
        }
    }
    return NULL;
}

static const char *resolve(const char *given, apr_pool_t *p, tai_database_t *database)
{
    const char *values[WORD_COUNT] = {NULL};
    const char *error = read_words(given, p, values);

    if (!error) {
        error = judge_words(values);
    }
    if (error) {
        return error;
    }
    if (is_local(values) && !values[SOCK]) {
        values[SOCK] = socket_of_environment();
    }
    database->name = write_words(values, 0, p);
    database->params = write_words(values, 1, p);
    database->peer.host = numeric(values[HOST], p);
    database->peer.port = atoi(values[PORT] ? values[PORT] : words[PORT].otherwise);
    database->peer.path = values[SOCK];
    database->options =
        apr_pstrcat(p, "--driver mysql --database '", database->name, "' and its password", NULL);
    return NULL;
}

/* ---- statements ---------------------------------------------------------------------------- */

/*
 * Whatever the server's defaults are. Strict: what does not fit is an error, and not cut off.
 * PIPES_AS_CONCAT: || is what it is elsewhere.
 */
static const char *const setup[] = {
    "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION',"
    " autocommit = 1, completion_type = 'NO_CHAIN', sql_safe_updates = 0,"
    " foreign_key_checks = 1, unique_checks = 1, check_constraint_checks = 1",
    NULL,
};

/*
 * In whole seconds, but for the time of a statement: of a row that is locked, and of a table that is
 * being altered.
 */
static const char *limit(apr_uint32_t statement_ms, apr_pool_t *p)
{
    const apr_uint32_t all = TAI_DRIVER_LIMIT(statement_ms);
    const apr_uint32_t lock = TAI_DRIVER_LOCK_LIMIT(statement_ms) / 1000;

    return apr_psprintf(p,
                        "SET SESSION max_statement_time = %u.%03u, innodb_lock_wait_timeout = %u,"
                        " lock_wait_timeout = %u, idle_transaction_timeout = %d",
                        all / 1000, all % 1000, lock ? lock : 1, lock ? lock : 1,
                        TAI_DRIVER_IDLE_S);
}

/* An id out of a text, in the schema's collation: in another, no index would be used. */
#define ID_COLUMN "VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"

/* What was used, out of one text: [[key, last use, admitted, refused], ...]. */
#define USED                                                                                    \
    "JSON_TABLE(%s, '$[*]' COLUMNS (key_id " ID_COLUMN " PATH '$[0]',"                          \
    " at BIGINT PATH '$[1]', admitted BIGINT PATH '$[2]', refused BIGINT PATH '$[3]')) AS used" \
    " JOIN api_keys k ON k.id = used.key_id"

#define IDS "JSON_TABLE(%s, '$[*]' COLUMNS (id " ID_COLUMN " PATH '$')) AS ids"

/* c.seq, or NULL: see store_statements.h. SET GLOBAL read_only ends no connection. */
#define SEQ "CASE WHEN @@global.read_only THEN NULL ELSE c.seq END"

#define SLICE_OF(table, which) "DELETE FROM " table " WHERE " which " LIMIT %lld"

static const char *const full[] = {"Too many connections", "max_user_connections", NULL};

const tai_driver_t tai_driver_mysql = {
    .name = "mysql",
    .resolve = resolve,
    .setup = setup,
    .limit = limit,
    .full = full,
    .socket_symbol = "mysql_get_socket",
    .begin = "START TRANSACTION",
    .begin_tries = 1,
    .migrations = migrations_mysql,
    .statements =
        {
            /* it outlives the commit that every CREATE is, and ends with the connection; a day */
            [TAI_SQL_LOCK_SCHEMA] = "SELECT GET_LOCK('taiauth.' || SHA1(DATABASE()), 86400)",
            [TAI_SQL_SCHEMA_TABLES] = "SELECT table_name FROM information_schema.tables"
                                      " WHERE table_schema = DATABASE()"
                                      " AND table_name = 'schema_version'",
            /*
             * Each row would lock those of its account and user, and whoever suspends that account
             * would wait, and all others for him. Both are looked at again at the end.
             */
            [TAI_SQL_IMPORT_BEGIN] = "SET foreign_key_checks = 0",
            [TAI_SQL_IMPORT_END] = "SET foreign_key_checks = 1",
            [TAI_SQL_HEALTH] = "SELECT VERSION(), UNIX_TIMESTAMP()",
            [TAI_SQL_RISK] = "SELECT CASE WHEN @@global.innodb_flush_log_at_trx_commit <> 1"
                             " THEN 'innodb_flush_log_at_trx_commit is not 1: a crash of its host"
                             " may undo revocations that were reported; set it to 1' END",
            [TAI_SQL_UNFIT] = "SELECT CASE WHEN @@global.read_only"
                              " THEN 'is read-only, as a replica is, which would tell of a"
                              " revocation late: name the primary' END",
            /*
             * InnoDB takes its view of the database transaction by transaction: now and then it
             * shows a commit and not the one before. Whatever is up to a counter that was read by a
             * statement before, the next one shows.
             */
            [TAI_SQL_COUNTER_BEFORE] = TAI_SQL_COUNTER_OF(SEQ),
            [TAI_SQL_LOCK_CHANGES] = TAI_SQL_COUNTER_OF(SEQ) " FOR UPDATE",
            [TAI_SQL_CHANGE_COUNTER] = TAI_SQL_COUNTER_OF(SEQ),
            [TAI_SQL_NODES] = TAI_SQL_NODES_OF(SEQ),
            /* a LEFT JOIN would read the whole log; without a row, the node is gone */
            [TAI_SQL_NEWS] = "SELECT 0, n.lease_ms, n.applied_seq, k.seq, k.key_hash, k.account_id"
                             " FROM nodes n LEFT JOIN key_changes k ON k.seq > n.applied_seq"
                             " WHERE n.id = %s ORDER BY k.seq LIMIT 10000",
            /* a subquery of the same table has no LIMIT */
            [TAI_SQL_FORGET_CHANGES] = SLICE_OF("key_changes", "seq <= %lld"),
            [TAI_SQL_SWEEP_IDLE_SESSIONS] = SLICE_OF("sessions", "used_at <= %lld"),
            [TAI_SQL_SWEEP_OLD_SESSIONS] = SLICE_OF("sessions", "created_at <= %lld"),
            [TAI_SQL_SWEEP_TICKETS] = SLICE_OF("tickets", "expires_at <= %lld"),
            [TAI_SQL_SWEEP_USAGE] = SLICE_OF("key_usage", "day < %s"),
            [TAI_SQL_SWEEP_AUDIT] = SLICE_OF("audit_log", "account_id IS NULL AND at < %lld"),
            [TAI_SQL_END_IDLEST_SESSIONS] =
                "DELETE FROM sessions WHERE user_id = %s AND id_hash NOT IN"
                " (SELECT id_hash FROM (SELECT s.id_hash FROM sessions s WHERE s.user_id = %s"
                " ORDER BY s.used_at DESC, s.created_at DESC, s.id_hash LIMIT %lld) AS kept)",
            [TAI_SQL_WRITE_LAST_USE] = "UPDATE " USED " SET k.last_used_at = used.at"
                                       " WHERE used.at > COALESCE(k.last_used_at, 0)",
            [TAI_SQL_WRITE_USAGE] = "INSERT INTO key_usage (key_id, day, admitted, refused)"
                                    " SELECT k.id, %s, used.admitted, used.refused FROM " USED
                                    " ON DUPLICATE KEY UPDATE"
                                    " admitted = key_usage.admitted + VALUES(admitted),"
                                    " refused = key_usage.refused + VALUES(refused)",
            [TAI_SQL_USAGE_DAYS] = TAI_SQL_USAGE_DAYS_OF(IDS),
        },
};
