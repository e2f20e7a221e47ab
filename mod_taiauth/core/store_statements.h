#ifndef TAI_STORE_STATEMENTS_H
#define TAI_STORE_STATEMENTS_H

/* Active at a point of time. */
#define TAI_SQL_KEY_IS_ACTIVE \
    "k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > %lld)"

/* A key as it may be shown, with what it was used for from a day on (given twice). */
#define TAI_SQL_SELECT_KEYS                                                                       \
    "SELECT k.id, k.line, k.account_id, a.name, k.user_id, u.username, k.name, k.prefix, a.plan," \
    " k.rate_limit, k.scopes, k.origin, CASE WHEN k.token_hash IS NULL THEN 0 ELSE 1 END,"        \
    " k.created_at, k.expires_at, k.revoked_at, k.last_used_at,"                                  \
    " (SELECT COALESCE(SUM(g.admitted), 0) FROM key_usage g"                                      \
    " WHERE g.key_id = k.id AND g.day >= %s),"                                                    \
    " (SELECT COALESCE(SUM(g.refused), 0) FROM key_usage g"                                       \
    " WHERE g.key_id = k.id AND g.day >= %s)"                                                     \
    " FROM api_keys k JOIN accounts a ON a.id = k.account_id JOIN users u ON u.id = k.user_id"

/* An account with its counts. */
#define TAI_SQL_SELECT_ACCOUNT(keys)                                                           \
    "SELECT a.id, a.name, a.plan, a.status, a.created_at,"                                     \
    " (SELECT COUNT(*) FROM users u WHERE u.account_id = a.id AND u.status = 'active'), " keys \
    ", p.max_keys, p.title, p.rate_limit FROM accounts a JOIN plans p ON p.name = a.plan"

/* Of its keys as well, at a point of time. A key and those rolled from it count once. */
#define TAI_SQL_SELECT_ACCOUNTS                                             \
    TAI_SQL_SELECT_ACCOUNT("(SELECT COUNT(DISTINCT k.line) FROM api_keys k" \
                           " WHERE k.account_id = a.id AND " TAI_SQL_KEY_IS_ACTIVE ")")

/* A user, never with the password's hash. */
#define TAI_SQL_SELECT_USERS                                                             \
    "SELECT u.id, a.id, a.name, u.username, u.role, u.status, u.created_at FROM users u" \
    " JOIN accounts a ON a.id = u.account_id"

/* A line of the audit log, with the name of the account that it has now. */
#define TAI_SQL_SELECT_AUDIT                                                       \
    "SELECT l.seq, l.at, a.name, l.actor, l.client, l.action, l.subject, l.detail" \
    " FROM audit_log l LEFT JOIN accounts a ON a.id = l.account_id"

/*
 * What a request needs of a key: one row for each scope that the plan grants. Each row has the
 * counter of changes, also where there is no such key: read by another statement it would tell
 * nothing of this one.
 */
#define TAI_SQL_SELECT_RECORD(seq, which)                                                       \
    "SELECT " seq ", k.id, k.line, k.prefix, k.key_hash, k.token_hash, k.rate_limit, k.scopes," \
    " k.expires_at, k.revoked_at, a.id, a.name, a.status, u.id, u.username,"                    \
    " u.status, p.name, p.rate_limit, s.scope"                                                  \
    " FROM change_counter c"                                                                    \
    " LEFT JOIN (api_keys k"                                                                    \
    " JOIN accounts a ON a.id = k.account_id"                                                   \
    " JOIN users u ON u.id = k.user_id AND u.account_id = k.account_id"                         \
    " JOIN plans p ON p.name = a.plan) ON " which " LEFT JOIN plan_scopes s ON s.plan = p.name"

/* A user with his account, as one who asks for something. */
#define TAI_SQL_PRINCIPAL_COLUMNS \
    "u.id, u.username, u.role, u.status, u.password_hash, a.id, a.name, a.plan, a.status"

/* What was used, out of one text: [[key, last use, admitted, refused], ...]. */
#define TAI_SQL_USED                                                                    \
    "(SELECT JSON_EXTRACT(value, '$[0]') AS key_id, JSON_EXTRACT(value, '$[1]') AS at," \
    " JSON_EXTRACT(value, '$[2]') AS admitted, JSON_EXTRACT(value, '$[3]') AS refused"  \
    " FROM JSON_EACH(%s))"

/* How it is written down, where used is the like of TAI_SQL_USED. */
#define TAI_SQL_LAST_USE_OF(used)                                      \
    "UPDATE api_keys SET last_used_at = used.at FROM " used " AS used" \
    " WHERE api_keys.id = used.key_id AND used.at > COALESCE(api_keys.last_used_at, 0)"

/* WHERE TRUE: else ON would be that of the join */
#define TAI_SQL_USAGE_OF(used)                                            \
    "INSERT INTO key_usage (key_id, day, admitted, refused)"              \
    " SELECT k.id, %s, used.admitted, used.refused FROM " used " AS used" \
    " JOIN api_keys k ON k.id = used.key_id WHERE TRUE"                   \
    " ON CONFLICT (key_id, day)"                                          \
    " DO UPDATE SET admitted = key_usage.admitted + excluded.admitted,"   \
    " refused = key_usage.refused + excluded.refused"

/*
 * What some keys of an account were used for, from a day to a day, where ids gives their ids. Whose they
 * are is asked key by key: PostgreSQL would join all keys of the account, or all usage of these days.
 */
#define TAI_SQL_USAGE_DAYS_OF(ids)                                          \
    "SELECT g.key_id, g.day, g.admitted, g.refused FROM " ids               \
    " JOIN key_usage g ON g.key_id = ids.id"                                \
    " WHERE (SELECT k.account_id FROM api_keys k WHERE k.id = ids.id) = %s" \
    " AND g.day >= %s AND g.day <= %s ORDER BY g.key_id, g.day DESC"

/*
 * The counter of changes, in these: seq is its column or, on a server that can become read-only with
 * its connections open, NULL once it has (tai_connection_select).
 */
#define TAI_SQL_COUNTER_OF(seq) "SELECT " seq " FROM change_counter c"

#define TAI_SQL_NEWS_OF(seq)                                                     \
    "SELECT " seq ", n.lease_ms, n.applied_seq, k.seq, k.key_hash, k.account_id" \
    " FROM change_counter c LEFT JOIN nodes n ON n.id = %s"                      \
    " LEFT JOIN key_changes k ON k.seq > n.applied_seq"                          \
    " ORDER BY k.seq LIMIT 10000"

#define TAI_SQL_NODES_OF(seq)                                                               \
    "SELECT " seq ", n.id, n.lease_ms, n.applied_seq, n.registered_at, n.name, n.synced_at" \
    " FROM change_counter c LEFT JOIN nodes n ON n.id <> '' ORDER BY COALESCE(n.name, ''), n.id"

/* So many of the rows of a table, by its key. */
#define TAI_SQL_SLICE_OF(table, key, which)                                                \
    "DELETE FROM " table " WHERE (" key ") IN (SELECT " key " FROM " table " WHERE " which \
    " LIMIT %lld)"

/*
 * Every statement, for apr_dbd_prepare: %s and %lld are parameters. A driver may have a text of its
 * own (store_driver.h); an empty one here is for those that have. Data never becomes part of a
 * statement. On SQLite every parameter is bound as text, so one may be compared with a column
 * (which has a type) and with nothing else.
 */
#define TAI_STATEMENTS(X)                                                                              \
    /* the schema; SCHEMA_TABLES gives a row if there is one of ours */                                \
    X(JOURNAL, "")                                                                                     \
    X(LOCK_SCHEMA, "")                                                                                 \
    X(SCHEMA_TABLES, "")                                                                               \
    X(SCHEMA_VERSION, "SELECT MAX(version) FROM schema_version")                                       \
    X(SCHEMA_APPLIED, "INSERT INTO schema_version (version, applied_at) VALUES (%lld, %lld)")          \
    /* the row that the triggers will want: nobody waits for one who waits for him */                  \
    X(LOCK_CHANGES, TAI_SQL_COUNTER_OF("c.seq") " FOR UPDATE")                                         \
    /* why this database cannot be written to; NULL or no row: it can */                               \
    X(UNFIT, "")                                                                                       \
    /* for people: why a crash of its host could undo what was committed; NULL or no row: it cannot */ \
    X(RISK, "")                                                                                        \
    /* for people: what it is, and the time that it has, UTC seconds */                                \
    X(HEALTH, "")                                                                                      \
    /* what a request needs */                                                                         \
    /* asked first, where the counter that comes with a key may be ahead of it */                      \
    X(COUNTER_BEFORE, "")                                                                              \
    X(FIND_KEY, TAI_SQL_SELECT_RECORD("c.seq", "k.key_hash = %s"))                                     \
    X(FIND_KEY_BY_ID, TAI_SQL_SELECT_RECORD("c.seq", "k.id = %s"))                                     \
    X(SCOPE_PLANS, "SELECT p.title FROM plans p JOIN plan_scopes s ON s.plan = p.name"                 \
                   " WHERE s.scope = %s ORDER BY p.rank")                                              \
    /* plans and scopes */                                                                             \
    X(PLANS, "SELECT name FROM plans ORDER BY rank")                                                   \
    X(PLAN_SCOPES, "SELECT scope FROM plan_scopes WHERE plan = %s ORDER BY scope")                     \
    X(DEFAULT_SCOPES, "SELECT s.name FROM scopes s JOIN plan_scopes g ON g.scope = s.name"             \
                      " WHERE s.is_default = 1 AND g.plan = %s ORDER BY s.name")                       \
    X(SCOPE_NAMES, "SELECT name FROM scopes ORDER BY is_default DESC, name")                           \
    X(SCOPES, "SELECT s.name, s.description, s.is_default, p.name, p.title FROM scopes s"              \
              " LEFT JOIN plan_scopes g ON g.scope = s.name"                                           \
              " LEFT JOIN plans p ON p.name = g.plan"                                                  \
              " ORDER BY s.is_default DESC, s.name, p.rank")                                           \
    /* accounts */                                                                                     \
    X(ACCOUNT, "SELECT id, name, plan, status, created_at FROM accounts WHERE name = %s")              \
    X(ACCOUNTS, TAI_SQL_SELECT_ACCOUNTS " ORDER BY a.name")                                            \
    X(ACCOUNT_COUNTED, TAI_SQL_SELECT_ACCOUNTS " WHERE a.name = %s")                                   \
    X(ACCOUNT_BY_ID, TAI_SQL_SELECT_ACCOUNT("0") " WHERE a.id = %s")                                   \
    /* its keys, in so many rows at the most: an account may have imported millions */                 \
    X(COUNT_KEYS, "SELECT COUNT(DISTINCT c.line) FROM (SELECT k.line FROM api_keys k"                  \
                  " WHERE k.account_id = %s AND " TAI_SQL_KEY_IS_ACTIVE " LIMIT %lld) AS c")           \
    X(ADD_ACCOUNT, "INSERT INTO accounts (id, name, plan, status, created_at)"                         \
                   " VALUES (%s, %s, %s, 'active', %lld)")                                             \
    X(SET_PLAN, "UPDATE accounts SET plan = %s WHERE id = %s")                                         \
    X(SET_ACCOUNT_STATUS, "UPDATE accounts SET status = %s WHERE id = %s")                             \
    /* users */                                                                                        \
    X(USER, TAI_SQL_SELECT_USERS " WHERE u.username = %s")                                             \
    X(USERS, TAI_SQL_SELECT_USERS " WHERE u.account_id = %s ORDER BY u.username")                      \
    X(PRIMARY_ADMIN, "SELECT id, username FROM users"                                                  \
                     " WHERE account_id = %s AND role = 'primary_admin' AND status = 'active'")        \
    X(ADD_USER, "INSERT INTO users (id, account_id, username, password_hash, role, status,"            \
                " created_at) VALUES (%s, %s, %s, %s, %s, 'active', %lld)")                            \
    X(SET_PASSWORD, "UPDATE users SET password_hash = %s WHERE id = %s")                               \
    X(SET_USER_STATUS, "UPDATE users SET status = %s WHERE id = %s")                                   \
    /* keys */                                                                                         \
    X(OWNER, "SELECT u.id, u.username, u.role, u.status, a.id, a.name, a.plan, a.status"               \
             " FROM users u JOIN accounts a ON a.id = u.account_id WHERE u.id = %s")                   \
    X(KEYS, TAI_SQL_SELECT_KEYS " WHERE k.account_id = %s ORDER BY k.created_at DESC, k.id")           \
    X(KEYS_FIRST, TAI_SQL_SELECT_KEYS " WHERE k.account_id = %s"                                       \
                                      " ORDER BY k.created_at DESC, k.id LIMIT %lld")                  \
    X(KEYS_AFTER,                                                                                      \
      TAI_SQL_SELECT_KEYS " JOIN api_keys c ON c.id = %s AND c.account_id = k.account_id"              \
                          " WHERE k.account_id = %s AND k.created_at <= c.created_at"                  \
                          " AND (k.created_at < c.created_at OR k.id > c.id)"                          \
                          " ORDER BY k.created_at DESC, k.id LIMIT %lld")                              \
    X(KEY_BY_ID, TAI_SQL_SELECT_KEYS " WHERE k.id = %s")                                               \
    X(KEY_OF_ACCOUNT, TAI_SQL_SELECT_KEYS " WHERE k.id = %s AND k.account_id = %s")                    \
    /* imported keys share one by the million: ten are named */                                        \
    X(KEY_BY_PREFIX, TAI_SQL_SELECT_KEYS " WHERE k.prefix = %s LIMIT 11")                              \
    X(KEY_BY_HASH, TAI_SQL_SELECT_KEYS " WHERE k.key_hash = %s")                                       \
    X(TOKEN_LINE,                                                                                      \
      "SELECT k.line FROM api_keys k WHERE k.user_id = %s AND k.account_id = %s"                       \
      " AND k.origin = 'token' AND " TAI_SQL_KEY_IS_ACTIVE " ORDER BY k.created_at DESC, k.id")        \
    X(LINE_KEYS, "SELECT k.id FROM api_keys k WHERE k.line = %s AND k.account_id = %s"                 \
                 " AND k.id <> %s AND " TAI_SQL_KEY_IS_ACTIVE " ORDER BY k.id")                        \
    X(ADD_KEY, "INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash,"          \
               " token_hash, scopes, rate_limit, origin, created_at, expires_at)"                      \
               " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %lld, %lld)")                     \
    X(REVOKE_KEY, "UPDATE api_keys SET revoked_at = %lld"                                              \
                  " WHERE id = %s AND account_id = %s AND revoked_at IS NULL")                         \
    X(SET_EXPIRY, "UPDATE api_keys SET expires_at = %lld WHERE id = %s AND account_id = %s")           \
    X(RENAME_KEY, "UPDATE api_keys SET name = %s WHERE id = %s AND account_id = %s")                   \
    /* of what takes no lock, or later */                                                              \
    X(LOCK_LATER, "")                                                                                  \
    /* an import of many keys: what it begins and ends with */                                         \
    X(IMPORT_BEGIN, "")                                                                                \
    X(IMPORT_END, "")                                                                                  \
    X(KEY_HOLDER, "SELECT account_id FROM api_keys WHERE key_hash = %s")                               \
    X(COUNT_CHANGE, "UPDATE change_counter SET seq = seq + 1")                                         \
    X(CHANGE_EVERY_KEY, "INSERT INTO key_changes (seq, key_hash, account_id)"                          \
                        " SELECT seq, NULL, NULL FROM change_counter")                                 \
    /* nodes: what has changed since one of them, and the others */                                    \
    X(NEWS, TAI_SQL_NEWS_OF("c.seq"))                                                                  \
    X(NODES, TAI_SQL_NODES_OF("c.seq"))                                                                \
    /* an id of a node is hexadecimal: these are nobody's */                                           \
    X(DISOWN_NODES, "UPDATE nodes SET id = 'x' || SUBSTR(id, 2), applied_seq = -1")                    \
    X(CHANGE_COUNTER, TAI_SQL_COUNTER_OF("c.seq"))                                                     \
    /* it waits for nobody: rule 2 of revocation.c says why it need not */                             \
    X(ADD_NODE, "INSERT INTO nodes (id, name, lease_ms, applied_seq, registered_at, synced_at)"        \
                " SELECT %s, %s, %lld, seq, %lld, %lld FROM change_counter")                           \
    X(NODE, "SELECT applied_seq FROM nodes WHERE id = %s")                                             \
    X(ACKNOWLEDGE, "UPDATE nodes SET applied_seq = %lld, synced_at = %lld WHERE id = %s")              \
    X(NOTE_SYNC, "UPDATE nodes SET name = %s, synced_at = %lld WHERE id = %s")                         \
    X(REMOVE_NODE, "DELETE FROM nodes WHERE id = %s")                                                  \
    X(STRIKE_NODE, "DELETE FROM nodes WHERE id = %s AND applied_seq < %lld")                           \
    X(FORGET_CHANGES, TAI_SQL_SLICE_OF("key_changes", "seq", "seq <= %lld"))                           \
    /* the audit log */                                                                                \
    X(ADD_AUDIT, "INSERT INTO audit_log (at, account_id, actor, client, action, subject,"              \
                 " detail) VALUES (%lld, %s, %s, %s, %s, %s, %s)")                                     \
    X(AUDIT, TAI_SQL_SELECT_AUDIT " WHERE l.seq < %lld ORDER BY l.seq DESC LIMIT %lld")                \
    X(AUDIT_OF_ACCOUNT, TAI_SQL_SELECT_AUDIT " WHERE l.account_id = %s AND l.seq < %lld"               \
                                             " ORDER BY l.seq DESC LIMIT %lld")                        \
    /* principals and sessions */                                                                      \
    /* who changes a user, or logs in as him, waits until this is through */                           \
    X(LOCK_USER, "SELECT id FROM users WHERE id = %s FOR UPDATE")                                      \
    X(PRINCIPAL, "SELECT " TAI_SQL_PRINCIPAL_COLUMNS " FROM users u"                                   \
                 " JOIN accounts a ON a.id = u.account_id WHERE u.username = %s")                      \
    X(SESSION, "SELECT " TAI_SQL_PRINCIPAL_COLUMNS ", s.used_at, s.created_at FROM sessions s"         \
               " JOIN users u ON u.id = s.user_id JOIN accounts a ON a.id = u.account_id"              \
               " WHERE s.id_hash = %s AND s.used_at > %lld AND s.created_at > %lld"                    \
               " AND u.status = 'active'")                                                             \
    X(USE_SESSION, "UPDATE sessions SET used_at = %lld"                                                \
                   " WHERE id_hash = %s AND used_at <= %lld")                                          \
    X(ADD_SESSION, "INSERT INTO sessions (id_hash, user_id, created_at, used_at)"                      \
                   " VALUES (%s, %s, %lld, %lld)")                                                     \
    X(END_SESSION, "DELETE FROM sessions WHERE id_hash = %s AND user_id = %s")                         \
    X(END_OVER_SESSIONS, "DELETE FROM sessions WHERE user_id = %s"                                     \
                         " AND (used_at <= %lld OR created_at <= %lld)")                               \
    /* all but the ones used last */                                                                   \
    X(END_IDLEST_SESSIONS, "DELETE FROM sessions WHERE user_id = %s AND id_hash NOT IN"                \
                           " (SELECT s.id_hash FROM sessions s WHERE s.user_id = %s"                   \
                           " ORDER BY s.used_at DESC, s.created_at DESC, s.id_hash"                    \
                           " LIMIT %lld)")                                                             \
    /* tickets */                                                                                      \
    X(TICKET, "SELECT order_json FROM tickets WHERE ticket_hash = %s AND expires_at > %lld")           \
    X(ADD_TICKET, "INSERT INTO tickets (ticket_hash, order_json, expires_at)"                          \
                  " VALUES (%s, %s, %lld)")                                                            \
    X(END_TICKET, "DELETE FROM tickets WHERE ticket_hash = %s")                                        \
    /* usage */                                                                                        \
    X(WRITE_LAST_USE, TAI_SQL_LAST_USE_OF(TAI_SQL_USED))                                               \
    X(WRITE_USAGE, TAI_SQL_USAGE_OF(TAI_SQL_USED))                                                     \
    X(USAGE_DAYS, TAI_SQL_USAGE_DAYS_OF("(SELECT value AS id FROM JSON_EACH(%s)) AS ids"))             \
    /* what is swept */                                                                                \
    X(SWEEP_IDLE_SESSIONS, TAI_SQL_SLICE_OF("sessions", "id_hash", "used_at <= %lld"))                 \
    X(SWEEP_OLD_SESSIONS, TAI_SQL_SLICE_OF("sessions", "id_hash", "created_at <= %lld"))               \
    X(SWEEP_TICKETS, TAI_SQL_SLICE_OF("tickets", "ticket_hash", "expires_at <= %lld"))                 \
    X(SWEEP_USAGE, TAI_SQL_SLICE_OF("key_usage", "key_id, day", "day < %s"))                           \
    X(SWEEP_AUDIT, TAI_SQL_SLICE_OF("audit_log", "seq", "account_id IS NULL AND at < %lld"))

typedef enum {
#define X(name, sql) TAI_SQL_##name,
    TAI_STATEMENTS(X)
#undef X
        TAI_SQL_COUNT
} tai_statement_e;

#endif
