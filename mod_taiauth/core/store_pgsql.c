#include "store_driver.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <stdlib.h>
#include <string.h>

#include "migrations_pgsql.inc"

_Static_assert(sizeof(migrations_pgsql) / sizeof(migrations_pgsql[0]) == TAI_SCHEMA_VERSION,
               "a migration of pgsql is missing");

/*
 * Parameters are words of libpq, in either form: host=db dbname=keys, or postgresql://db/keys. They
 * are taken apart here, because what libpq says of those that are wrong quotes them, and half of a
 * password that was not put into quotes looks like a word.
 */

/* ---- words --------------------------------------------------------------------------------- */

typedef struct word_t {
    const char *name;
    const char *value;
} word_t;

typedef enum { SHOWN, SECRET, REFUSED } word_kind_e;

/* Those of libpq 10 to 18. */
static const struct {
    const char *name;
    word_kind_e kind;
} known[] = {
    {"application_name", SHOWN},
    {"channel_binding", SHOWN},
    {"client_encoding", SHOWN},
    {"connect_timeout", SHOWN},
    {"dbname", SHOWN},
    {"fallback_application_name", SHOWN},
    {"gssdelegation", SHOWN},
    {"gssencmode", SHOWN},
    {"gsslib", SHOWN},
    {"host", SHOWN},
    {"hostaddr", SHOWN},
    {"keepalives", SHOWN},
    {"keepalives_count", SHOWN},
    {"keepalives_idle", SHOWN},
    {"keepalives_interval", SHOWN},
    {"krbsrvname", SHOWN},
    {"load_balance_hosts", SHOWN},
    {"max_protocol_version", SHOWN},
    {"min_protocol_version", SHOWN},
    {"options", SHOWN},
    {"passfile", SHOWN},
    {"password", SECRET},
    {"port", SHOWN},
    {"replication", REFUSED},
    {"require_auth", SHOWN},
    {"requirepeer", SHOWN},
    {"service", SHOWN},
    {"servicefile", SHOWN},
    {"ssl_max_protocol_version", SHOWN},
    {"ssl_min_protocol_version", SHOWN},
    {"sslcert", SHOWN},
    {"sslcertmode", SHOWN},
    {"sslcompression", SHOWN},
    {"sslcrl", SHOWN},
    {"sslcrldir", SHOWN},
    {"sslkey", SHOWN},
    {"sslkeylogfile", SHOWN},
    {"sslmode", SHOWN},
    {"sslnegotiation", SHOWN},
    {"sslpassword", SECRET},
    {"sslrootcert", SHOWN},
    {"sslsni", SHOWN},
    {"target_session_attrs", SHOWN},
    {"tcp_user_timeout", SHOWN},
    {"user", SHOWN},
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

/* -1: there is no such word. */
static int kind_of(const char *name)
{
    for (apr_size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(name, known[i].name) == 0) {
            return (int)known[i].kind;
        }
    }
    return -1;
}

/* Of several, the last one counts, as with libpq. */
static const char *value_of(const apr_array_header_t *words, const char *name)
{
    for (int i = words->nelts; i-- > 0;) {
        const word_t *word = &APR_ARRAY_IDX(words, i, word_t);

        if (strcmp(word->name, name) == 0) {
            return word->value;
        }
    }
    return NULL;
}

static void drop_word(apr_array_header_t *words, const char *name)
{
    int kept = 0;

    for (int i = 0; i < words->nelts; i++) {
        const word_t word = APR_ARRAY_IDX(words, i, word_t);

        if (strcmp(word.name, name) != 0) {
            APR_ARRAY_IDX(words, kept++, word_t) = word;
        }
    }
    words->nelts = kept;
}

static void add_word(apr_array_header_t *words, const char *name, const char *value)
{
    APR_ARRAY_PUSH(words, word_t) = (word_t){name, value};
}

/* name=value, in quotes where it needs them. */
static const char *word_text(const word_t *word, apr_pool_t *p)
{
    const char *value = word->value;
    char *text = apr_palloc(p, strlen(word->name) + 2 * strlen(value) + sizeof("=''"));
    char *out = apr_cpystrn(text, word->name, strlen(word->name) + 1);
    const int quoted = *value == '\0' || value[strcspn(value, " \t\r\n\f\v'\\")] != '\0';

    *out++ = '=';
    if (quoted) {
        *out++ = '\'';
    }
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\') {
            *out++ = '\\';
        }
        *out++ = *value;
    }
    if (quoted) {
        *out++ = '\'';
    }
    *out = '\0';
    return text;
}

/* All of them, or those that may be shown. */
static const char *words_text(const apr_array_header_t *words, int all, apr_pool_t *p)
{
    apr_array_header_t *texts = apr_array_make(p, words->nelts, sizeof(const char *));

    for (int i = 0; i < words->nelts; i++) {
        const word_t *word = &APR_ARRAY_IDX(words, i, word_t);

        if (all || kind_of(word->name) == SHOWN) {
            APR_ARRAY_PUSH(texts, const char *) = word_text(word, p);
        }
    }
    return apr_array_pstrcat(p, texts, ' ');
}

/* ---- host=db dbname=keys ------------------------------------------------------------------- */

static const char *const not_words =
    "the parameters of a PostgreSQL database are words such as host=db.example.org dbname=taiauth "
    "user=taiauth, a value with blanks in single quotes, or a URI: postgresql://host/dbname";

static const char *skip_blanks(const char *c)
{
    while (apr_isspace(*c)) {
        c++;
    }
    return c;
}

/* Moves on behind the value; NULL: its quote has no end. */
static const char *read_value(const char **c, apr_pool_t *p)
{
    const char *in = *c;
    char *value = apr_palloc(p, strlen(in) + 1), *out = value;
    const int quoted = *in == '\'';

    if (quoted) {
        in++;
    }
    while (*in && (quoted ? *in != '\'' : !apr_isspace(*in))) {
        if (*in == '\\' && in[1]) {
            in++;
        }
        *out++ = *in++;
    }
    *out = '\0';
    if (quoted && *in++ != '\'') {
        return NULL;
    }
    *c = in;
    return value;
}

static const char *read_words(const char *given, apr_pool_t *p, apr_array_header_t *words)
{
    const char *c = skip_blanks(given);

    while (*c) {
        const char *name = apr_pstrmemdup(p, c, strcspn(c, "= \t\r\n\f\v"));
        const char *value;

        c = skip_blanks(c + strlen(name));
        if (*c != '=') {
            return not_words;
        }
        c = skip_blanks(c + 1);
        value = read_value(&c, p);
        if (!value) {
            return "a quote in the parameters of the database has no end";
        }
        add_word(words, name, value);
        c = skip_blanks(c);
    }
    return NULL;
}

/* ---- postgresql://user:password@host:port,host/dbname?word=value ---------------------------- */

static const char *uri_start(const char *given)
{
    static const char *const schemes[] = {"postgresql://", "postgres://"};

    for (apr_size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(given, schemes[i], strlen(schemes[i])) == 0) {
            return given + strlen(schemes[i]);
        }
    }
    return NULL;
}

/* A part of it with %XX replaced; an error is kept and told at the end. */
static const char *part(const char *text, apr_size_t length, apr_pool_t *p, const char **error)
{
    char *value = apr_pstrmemdup(p, text, length), *out = value;

    for (const char *in = value; *in; in++) {
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        if (!apr_isxdigit(in[1]) || !apr_isxdigit(in[2]) || strncmp(in, "%00", 3) == 0) {
            *error = "a % in the URI of the database begins no character: %25 is the sign itself";
            return "";
        }
        *out++ = (char)strtol(apr_pstrmemdup(p, in + 1, 2), NULL, 16);
        in += 2;
    }
    *out = '\0';
    return value;
}

static const char *read_user(const char *c, apr_pool_t *p, apr_array_header_t *words,
                             const char **error)
{
    const apr_size_t length = strcspn(c, "@/?");
    const apr_size_t user = strcspn(c, ":@");

    if (c[length] != '@') {
        return c;
    }
    if (user > 0) {
        add_word(words, "user", part(c, user, p, error));
    }
    if (user < length) {
        add_word(words, "password", part(c + user + 1, length - user - 1, p, error));
    }
    return c + length + 1;
}

/* Of several, hosts and ports are two lists of the same length. */
static const char *read_hosts(const char *c, apr_pool_t *p, apr_array_header_t *words,
                              const char **error)
{
    const char *hosts = "", *ports = "", *comma = "";

    for (;; c++) {
        const int address = *c == '[';
        const char *host = c + address;
        const apr_size_t length = strcspn(host, address ? "]" : ":,/?");
        apr_size_t digits;

        if (address && host[length] != ']') {
            *error = not_words;
        }
        c = host + length + (address && host[length] == ']');
        digits = *c == ':' ? strcspn(c + 1, ",/?") : 0;
        hosts = apr_pstrcat(p, hosts, comma, part(host, length, p, error), NULL);
        ports = apr_pstrcat(p, ports, comma, *c == ':' ? part(c + 1, digits, p, error) : "", NULL);
        c += *c == ':' ? digits + 1 : 0;
        if (*c != ',') {
            break;
        }
        comma = ",";
    }
    if (*hosts) {
        add_word(words, "host", hosts);
    }
    if (strspn(ports, ",") != strlen(ports)) {
        add_word(words, "port", ports);
    }
    return c;
}

static const char *read_uri(const char *c, apr_pool_t *p, apr_array_header_t *words)
{
    const char *error = NULL;
    apr_size_t length;

    c = read_user(c, p, words, &error);
    c = read_hosts(c, p, words, &error);
    if (*c == '/') {
        length = strcspn(++c, "?");
        if (memchr(c, '@', length)) {
            return "a / or @ in the user or password of the database's URI is written %2F or %40";
        }
        if (length > 0) {
            add_word(words, "dbname", part(c, length, p, &error));
        }
        c += length;
    }
    if (*c && (*c != '?' || !c[1])) {
        return not_words;
    }
    while (*c) {
        const apr_size_t name = strcspn(++c, "=&");

        length = strcspn(c, "&");
        if (name == length) {
            return not_words;
        }
        add_word(words, part(c, name, p, &error), part(c + name + 1, length - name - 1, p, &error));
        c += length;
    }
    return error;
}

/* ---- judged -------------------------------------------------------------------------------- */

static const char *known_text(apr_pool_t *p)
{
    const char *text = "";

    for (apr_size_t i = 0; i < KNOWN_COUNT; i++) {
        if (known[i].kind != REFUSED) {
            text = apr_pstrcat(p, text, *text ? ", " : "", known[i].name, NULL);
        }
    }
    return text;
}

static int is_port_list(const char *ports)
{
    for (;; ports++) {
        const apr_size_t digits = strspn(ports, "0123456789");

        if (digits > 5 || (digits > 0 && (atoi(ports) < 1 || atoi(ports) > 65535)) ||
            (ports[digits] && ports[digits] != ',')) {
            return 0;
        }
        ports += digits;
        if (!*ports) {
            return 1;
        }
    }
}

/* 0 is for ever to libpq, and 1 is 2. */
static int is_timeout(const char *seconds)
{
    const apr_size_t digits = strspn(seconds, "0123456789");

    return digits >= 1 && digits <= 2 && !seconds[digits] && atoi(seconds) >= 2 &&
           atoi(seconds) <= 60;
}

/* What is none is not named: it may be a piece of a password. */
static const char *judge_words(const apr_array_header_t *words, apr_pool_t *p)
{
    const char *port = value_of(words, "port");
    const char *timeout = value_of(words, "connect_timeout");
    const char *dbname = value_of(words, "dbname");

    for (int i = 0; i < words->nelts; i++) {
        const word_t *word = &APR_ARRAY_IDX(words, i, word_t);
        const int kind = kind_of(word->name);

        if (kind < 0) {
            return apr_psprintf(p,
                                "word %d of the database's parameters is none of PostgreSQL's (a "
                                "value with blanks stands in single quotes); allowed: %s",
                                i + 1, known_text(p));
        }
        if (kind == REFUSED) {
            return apr_psprintf(p,
                                "%s is not allowed in the parameters of the database: it makes "
                                "a connection that runs no statements",
                                word->name);
        }
    }
    if (port && !is_port_list(port)) {
        return "port of the database must be from 1 to 65535";
    }
    if (timeout && !is_timeout(timeout)) {
        return "connect_timeout of the database must be from 2 to 60, in seconds; without it "
               "TaiAuthDatabaseTimeout says it";
    }
    if ((!dbname || !*dbname) && !value_of(words, "service")) {
        return "the parameters of the database name none: dbname=... is missing";
    }
    return NULL;
}

/* timed() says it: what is in a hurry has less time than the operator has written. */
static void take_timeout(apr_array_header_t *words, tai_database_t *database)
{
    const char *seconds = value_of(words, "connect_timeout");

    database->connect_ms = seconds ? 1000 * (apr_uint32_t)atoi(seconds) : 0;
    drop_word(words, "connect_timeout");
}

static const char *resolve(const char *given, apr_pool_t *p, tai_database_t *database)
{
    apr_array_header_t *words = apr_array_make(p, 8, sizeof(word_t));
    const char *uri = uri_start(given);
    const char *error = uri ? read_uri(uri, p, words) : read_words(given, p, words);

    if (!error) {
        error = judge_words(words, p);
    }
    if (error) {
        return error;
    }
    database->name = words_text(words, 0, p);
    database->options = apr_pstrcat(p, "--driver pgsql --database \"", database->name, "\"", NULL);
    if (!value_of(words, "fallback_application_name")) {
        add_word(words, "fallback_application_name", "taiauth");
    }
    take_timeout(words, database);
    database->params = words_text(words, 1, p);
    return NULL;
}

/* ---- statements ---------------------------------------------------------------------------- */

/*
 * Whatever the role, the database or the parameters say. A commit that a crash of the server could
 * undo would be a revocation that was reported and is none, and its number would be given out again.
 */
static const char *const setup[] = {"SET client_encoding = 'UTF8';"
                                    " SET standard_conforming_strings = on;"
                                    " SET default_transaction_isolation = 'read committed';"
                                    " SELECT SET_CONFIG('synchronous_commit', 'on', FALSE)"
                                    " WHERE CURRENT_SETTING('synchronous_commit') = 'off'",
                                    NULL};

/*
 * What the operator has written comes behind this, and holds. libpq counts in whole seconds, from 2
 * on, for each address. A server that is silent is given up after 10 + 3 * 5 seconds, also by those
 * who have just sent something.
 */
static const char *timed(const char *params, apr_uint32_t connect_ms, apr_pool_t *p)
{
    const apr_uint32_t seconds = (connect_ms + 999) / 1000;

    return apr_psprintf(p,
                        "connect_timeout=%u keepalives_idle=10 keepalives_interval=5"
                        " keepalives_count=3 tcp_user_timeout=25000 %s",
                        seconds > 2 ? seconds : 2, params);
}

static const char *limit(apr_uint32_t statement_ms, apr_pool_t *p)
{
    return apr_psprintf(p,
                        "SET statement_timeout = %u; SET lock_timeout = %u;"
                        " SET idle_in_transaction_session_timeout = '%ds'",
                        TAI_DRIVER_LIMIT(statement_ms), TAI_DRIVER_LOCK_LIMIT(statement_ms),
                        TAI_DRIVER_IDLE_S);
}

#define USED                                                                         \
    "(SELECT used ->> 0 AS key_id, CAST(used ->> 1 AS BIGINT) AS at,"                \
    " CAST(used ->> 2 AS BIGINT) AS admitted, CAST(used ->> 3 AS BIGINT) AS refused" \
    " FROM JSONB_ARRAY_ELEMENTS(CAST(%s AS JSONB)) AS used)"

#define IDS "(SELECT JSONB_ARRAY_ELEMENTS_TEXT(CAST(%s AS JSONB)) AS id) AS ids"

/* c.seq, or NULL: see store_statements.h. The role, the database or the server may say read-only. */
#define SEQ                                                                            \
    "CASE WHEN PG_IS_IN_RECOVERY() OR CURRENT_SETTING('transaction_read_only') = 'on'" \
    " THEN NULL ELSE c.seq END"

static const char *const full[] = {"too many clients already", "too many connections for",
                                   "remaining connection slots are reserved", NULL};

/*
 * By the places of the rows, and in the order of an index: else each slice might read the whole table, to
 * find those that go or to join them with those that are there.
 */
#define SLICE_OF(table, which, order)                                                       \
    "DELETE FROM " table " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " table " WHERE " which \
    " ORDER BY " order " LIMIT %lld))"

const tai_driver_t tai_driver_pgsql = {
    .name = "pgsql",
    .resolve = resolve,
    .setup = setup,
    .timed = timed,
    .limit = limit,
    .full = full,
    .socket_symbol = "PQsocket",
    .begin = "BEGIN",
    .begin_tries = 1,
    /* the other way, apr_dbd_pgsql sleeps where there is no row, and takes an error for that */
    .random_access = 1,
    .migrations = migrations_pgsql,
    .statements =
        {
            /* whoever migrates at the same time waits; the number spells "taiauth" */
            [TAI_SQL_LOCK_SCHEMA] = "SELECT PG_ADVISORY_XACT_LOCK(32758202532983912)",
            [TAI_SQL_SCHEMA_TABLES] = "SELECT 1 WHERE TO_REGCLASS('schema_version') IS NOT NULL",
            [TAI_SQL_HEALTH] = "SELECT 'PostgreSQL ' || CURRENT_SETTING('server_version'),"
                               " CAST(FLOOR(EXTRACT(EPOCH FROM CLOCK_TIMESTAMP())) AS BIGINT)",
            [TAI_SQL_RISK] =
                "SELECT CASE WHEN 'off' IN (CURRENT_SETTING('fsync'),"
                " CURRENT_SETTING('full_page_writes')) THEN 'fsync or full_page_writes is off: a"
                " crash of its host may undo revocations that were reported, or destroy all of it;"
                " set both to on' END",
            [TAI_SQL_UNFIT] =
                "SELECT CASE WHEN PG_IS_IN_RECOVERY() THEN 'is a read replica, which would tell of"
                " a revocation late: name the primary, or several hosts with"
                " target_session_attrs=read-write'"
                " WHEN CURRENT_SETTING('transaction_read_only') = 'on' THEN 'is read-only:"
                " default_transaction_read_only must be off for this role and database'"
                " WHEN GETDATABASEENCODING() <> 'UTF8' THEN 'has another encoding than UTF8:"
                " create it with ENCODING ''UTF8'' TEMPLATE template0' END",
            [TAI_SQL_LOCK_CHANGES] = TAI_SQL_COUNTER_OF(SEQ) " FOR UPDATE",
            [TAI_SQL_CHANGE_COUNTER] = TAI_SQL_COUNTER_OF(SEQ),
            [TAI_SQL_FIND_KEY] = TAI_SQL_SELECT_RECORD(SEQ, "k.key_hash = %s"),
            [TAI_SQL_FIND_KEY_BY_ID] = TAI_SQL_SELECT_RECORD(SEQ, "k.id = %s"),
            [TAI_SQL_NEWS] = TAI_SQL_NEWS_OF(SEQ),
            [TAI_SQL_NODES] = TAI_SQL_NODES_OF(SEQ),
            /* new keys and sessions, which look at this row by their foreign keys, need not wait */
            [TAI_SQL_LOCK_USER] = "SELECT id FROM users WHERE id = %s FOR NO KEY UPDATE",
            [TAI_SQL_WRITE_LAST_USE] = TAI_SQL_LAST_USE_OF(USED),
            [TAI_SQL_WRITE_USAGE] = TAI_SQL_USAGE_OF(USED),
            [TAI_SQL_USAGE_DAYS] = TAI_SQL_USAGE_DAYS_OF(IDS),
            [TAI_SQL_FORGET_CHANGES] = SLICE_OF("key_changes", "seq <= %lld", "seq"),
            [TAI_SQL_SWEEP_USAGE] = SLICE_OF("key_usage", "day < %s", "day"),
            [TAI_SQL_SWEEP_AUDIT] =
                SLICE_OF("audit_log", "account_id IS NULL AND at < %lld", "account_id, at"),
        },
};
