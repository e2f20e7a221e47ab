#include "describe.h"
#include "nodes.h"
#include "output.h"
#include "store_database.h"
#include "store_health.h"
#include "store_schema.h"

#include <apr_strings.h>
#include <apr_user.h>

/* Returns NULL, or why the database cannot become his. */
static const char *find_owner(const taictl_t *run, const char *owner, apr_uid_t *user,
                              apr_gid_t *group)
{
    const tai_database_t *database;
    const char *text;

    if (tai_database_resolve(run->driver, run->database, run->pool, &database, &text) !=
        APR_SUCCESS) {
        return text;
    }
    if (database->path == NULL) {
        return apr_psprintf(run->pool,
                            "--owner is for a file, and database %s is a server's: there it "
                            "belongs to the user who makes it",
                            database->name);
    }
    return apr_uid_get(user, group, owner, run->pool) == APR_SUCCESS
               ? NULL
               : apr_psprintf(run->pool, "there is no user \"%s\" on this host", owner);
}

int taictl_db_init(taictl_t *run)
{
    const char *owner = run->option[OPTION_OWNER];
    const char *name = taictl_database_name(run);
    apr_uid_t user = 0;
    apr_gid_t group = 0;
    const char *text = owner != NULL ? find_owner(run, owner, &user, &group) : NULL;

    if (text != NULL) {
        return taictl_fail(text);
    }
    if (tai_schema_init(run->driver, run->database, run->pool, &text) != APR_SUCCESS) {
        return taictl_fail(text);
    }
    if (owner != NULL &&
        tai_schema_give(run->driver, run->database, user, group, run->pool, &text) != APR_SUCCESS) {
        return taictl_fail(text);
    }
    return taictl_print_done(
        run,
        json_pack("{s:o, s:i}", "database", tai_describe_text(name, run->pool), "version",
                  tai_store_schema_version),
        apr_psprintf(run->pool, "made %s with schema version %d", name, tai_store_schema_version));
}

/* What can be said of one that is ready. Returns NULL, or why it could not be asked. */
static const char *look_over(taictl_t *run, json_t *object)
{
    static const tai_store_limits_t limits = {
        .connect_ms = 5000, .statement_ms = 5000, .change_ms = 5000};
    tai_store_t *store = taictl_store_within(run, &limits);
    tai_health_t health;
    int nodes, silent;
    const char *text = "it was ready, and is not any more";

    if (store == NULL || tai_store_health(store, run->pool, &health, &text) != APR_SUCCESS ||
        taictl_count_nodes(store, run->pool, &nodes, &silent, &text) != APR_SUCCESS) {
        return text;
    }
    json_object_set_new(object, "server", tai_describe_text(health.server, run->pool));
    json_object_set_new(object, "writable", json_boolean(health.unwritable == NULL));
    if (health.unwritable != NULL) {
        json_object_set_new(object, "unwritable", tai_describe_text(health.unwritable, run->pool));
    }
    json_object_set_new(object, "clock_ahead", json_integer((json_int_t)health.ahead_s));
    json_object_set_new(object, "nodes", json_integer(nodes));
    json_object_set_new(object, "silent", json_integer(silent));
    return NULL;
}

int taictl_db_status(taictl_t *run)
{
    static const taictl_field_t fields[] = {{"database", "database"},
                                            {"driver", "driver"},
                                            {"server", "server"},
                                            {"schema version", "version"},
                                            {"needed", "needed"},
                                            {"state", "state"},
                                            {"writable", "writable"},
                                            {"why not", "unwritable"},
                                            {"durable", "durable"},
                                            {"what may be lost", "risk"},
                                            {"seconds its clock is ahead", "clock_ahead"},
                                            {"nodes", "nodes"},
                                            {"silent nodes", "silent"},
                                            {NULL, NULL}};
    static const char *const names[] = {[TAI_STORE_READY] = "ready",
                                        [TAI_STORE_ABSENT] = "absent",
                                        [TAI_STORE_OTHER] = "other",
                                        [TAI_STORE_UNFIT] = "unfit",
                                        [TAI_STORE_UNREACHABLE] = "unreachable"};
    const char *text, *ignored;
    int version = 0;
    tai_store_state_e state = tai_store_check(run->driver, run->database, run->pool, &text);
    json_t *object;

    tai_schema_version(run->driver, run->database, run->pool, &version, &ignored);
    object =
        json_pack("{s:o, s:s, s:i, s:i, s:s}", "database",
                  tai_describe_text(taictl_database_name(run), run->pool), "driver", run->driver,
                  "version", version, "needed", tai_store_schema_version, "state", names[state]);
    if (state == TAI_STORE_READY) {
        json_object_set_new(object, "durable", json_boolean(text == NULL));
        if (text != NULL) {
            json_object_set_new(object, "risk", tai_describe_text(text, run->pool));
        }
        text = look_over(run, object);
    }
    taictl_print_record(run, object, fields);
    return text == NULL ? TAICTL_DONE : taictl_fail(text);
}

int taictl_db_migrate(taictl_t *run)
{
    const char *text;
    int from;

    if (tai_schema_migrate(run->driver, run->database, run->pool, &from, &text) != APR_SUCCESS) {
        return taictl_fail(text);
    }
    return taictl_print_done(
        run, json_pack("{s:i, s:i}", "from", from, "version", tai_store_schema_version),
        from == tai_store_schema_version
            ? apr_psprintf(run->pool, "schema version %d already", from)
            : apr_psprintf(run->pool, "schema version %d, was %d", tai_store_schema_version, from));
}
