#include "store_private.h"
#include "refusal.h"
#include "scope.h"
#include "text.h"

#include <string.h>
#include <apr_strings.h>

/* As in the schema. The look-up of a key repeats them for each scope of its plan. */
#define SCOPES_LEN 2000

static const char *join(const apr_array_header_t *list, apr_pool_t *p)
{
    return apr_array_pstrcat(p, list, ' ');
}

/* One column of a statement. */
static tai_change_e read_names(tai_connection_t *connection, tai_statement_e statement,
                               const char **args, apr_pool_t *p, apr_array_header_t **names,
                               const char **text)
{
    apr_array_header_t *rows;

    if (tai_connection_select(connection, statement, args, p, &rows, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    *names = apr_array_make(p, rows->nelts, sizeof(const char *));
    for (int i = 0; i < rows->nelts; i++) {
        APR_ARRAY_PUSH(*names, const char *) = APR_ARRAY_IDX(rows, i, tai_row_t)[0];
    }
    return TAI_CHANGE_DONE;
}

tai_change_e tai_store_read_grants(tai_connection_t *connection, const char *plan, apr_pool_t *p,
                                   tai_grants_t *grants, const char **text)
{
    tai_change_e outcome =
        read_names(connection, TAI_SQL_PLAN_SCOPES, TAI_ARGS(plan), p, &grants->granted, text);

    return outcome != TAI_CHANGE_DONE ? outcome
                                      : read_names(connection, TAI_SQL_DEFAULT_SCOPES,
                                                   TAI_ARGS(plan), p, &grants->defaults, text);
}

/* A scope that the plan does not grant: is there none of that name, or which plans do? */
static tai_change_e refuse_scope(tai_connection_t *connection, const char *scope, apr_pool_t *p,
                                 const char **text)
{
    apr_array_header_t *scopes, *titles;

    if (read_names(connection, TAI_SQL_SCOPE_NAMES, NULL, p, &scopes, text) != TAI_CHANGE_DONE ||
        read_names(connection, TAI_SQL_SCOPE_PLANS, TAI_ARGS(scope), p, &titles, text) !=
            TAI_CHANGE_DONE) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (!tai_scope_in(scopes, scope)) {
        *text = apr_psprintf(p, "there is no scope \"%s\"; allowed: %s",
                             tai_text_line(scope, 100, p), join(scopes, p));
        return TAI_CHANGE_INVALID;
    }
    *text = tai_refusal_plan_text(scope, titles, p);
    return TAI_CHANGE_PLAN;
}

/* NULL: a key can have them */
static const char *wrong_length(const char *scopes, apr_pool_t *p)
{
    if (*scopes == '\0') {
        return "a key needs at least one scope";
    }
    return strlen(scopes) <= SCOPES_LEN
               ? NULL
               : apr_psprintf(p, "the scopes of a key are %d characters at the most", SCOPES_LEN);
}

tai_change_e tai_store_choose_scopes(tai_connection_t *connection, const tai_grants_t *grants,
                                     const apr_array_header_t *asked, apr_pool_t *p,
                                     const char **scopes, const char **text)
{
    apr_array_header_t *chosen = apr_array_make(p, 8, sizeof(const char *));

    asked = asked != NULL ? asked : grants->defaults;
    for (int i = 0; i < asked->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(asked, i, const char *);

        if (!tai_scope_in(grants->granted, scope)) {
            return refuse_scope(connection, scope, p, text);
        }
        if (!tai_scope_in(chosen, scope)) {
            APR_ARRAY_PUSH(chosen, const char *) = scope;
        }
    }
    *scopes = join(chosen, p);
    *text = wrong_length(*scopes, p);
    return *text == NULL ? TAI_CHANGE_DONE : TAI_CHANGE_INVALID;
}
