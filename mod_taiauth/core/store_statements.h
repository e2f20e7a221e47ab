#ifndef TAI_STORE_STATEMENTS_H
#define TAI_STORE_STATEMENTS_H

/*
 * Every statement, for apr_dbd_prepare: %s and %lld are parameters. Data never becomes part of a
 * statement. On SQLite every parameter is bound as text, so one may be compared with a column
 * (which has a type) and with nothing else.
 */
#define TAI_STATEMENTS(X)                                                                          \
    X(JOURNAL, "PRAGMA journal_mode = WAL")                                                        \
    X(SCHEMA_TABLES, "SELECT name FROM sqlite_master WHERE type = 'table'"                         \
                     " AND name = 'schema_version'")                                               \
    X(SCHEMA_VERSION, "SELECT MAX(version) FROM schema_version")                                   \
    X(SCHEMA_APPLIED, "INSERT INTO schema_version (version, applied_at) VALUES (%lld, %lld)")      \
    X(FIND_KEY, "SELECT k.id, k.line, k.prefix, k.token_hash, k.rate_limit, k.scopes,"             \
                " k.expires_at, k.revoked_at, a.id, a.name, a.status, u.id, u.username, u.status," \
                " p.name, p.rate_limit, s.scope"                                                   \
                " FROM api_keys k"                                                                 \
                " JOIN accounts a ON a.id = k.account_id"                                          \
                " JOIN users u ON u.id = k.user_id AND u.account_id = k.account_id"                \
                " JOIN plans p ON p.name = a.plan"                                                 \
                " LEFT JOIN plan_scopes s ON s.plan = p.name"                                      \
                " WHERE k.key_hash = %s ORDER BY s.scope")                                         \
    X(SCOPE_PLANS, "SELECT p.title FROM plans p JOIN plan_scopes s ON s.plan = p.name"             \
                   " WHERE s.scope = %s ORDER BY p.rank")

typedef enum {
#define X(name, sql) TAI_SQL_##name,
    TAI_STATEMENTS(X)
#undef X
        TAI_SQL_COUNT
} tai_statement_e;

#endif
