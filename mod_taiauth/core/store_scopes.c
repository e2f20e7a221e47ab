#include "store_scopes.h"
#include "store_private.h"

#include <string.h>

/* The columns of SCOPES: a row for each plan that grants the scope, one with NULL if none does. */
enum { NAME, DESCRIPTION, IS_DEFAULT, PLAN, PLAN_TITLE };

static tai_scope_info_t *read_scope(tai_row_t row, apr_pool_t *p)
{
    tai_scope_info_t *scope = apr_pcalloc(p, sizeof(*scope));

    scope->name = row[NAME];
    scope->description = row[DESCRIPTION];
    scope->is_default = strcmp(row[IS_DEFAULT], "1") == 0;
    return scope;
}

apr_status_t tai_store_list_scopes(tai_store_t *store, apr_pool_t *p, apr_array_header_t **scopes,
                                   const char **error)
{
    apr_array_header_t *rows, *plans = NULL, *titles = NULL;
    tai_scope_info_t *scope = NULL;
    apr_status_t rv = tai_store_select(store, TAI_SQL_SCOPES, NULL, p, &rows, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *scopes = apr_array_make(p, 8, sizeof(const tai_scope_info_t *));
    for (int i = 0; i < rows->nelts; i++) {
        tai_row_t row = APR_ARRAY_IDX(rows, i, tai_row_t);

        if (scope == NULL || strcmp(scope->name, row[NAME]) != 0) {
            scope = read_scope(row, p);
            scope->plans = plans = apr_array_make(p, 4, sizeof(const char *));
            scope->plan_titles = titles = apr_array_make(p, 4, sizeof(const char *));
            APR_ARRAY_PUSH(*scopes, const tai_scope_info_t *) = scope;
        }
        if (row[PLAN] != NULL) {
            APR_ARRAY_PUSH(plans, const char *) = row[PLAN];
            APR_ARRAY_PUSH(titles, const char *) = row[PLAN_TITLE];
        }
    }
    return APR_SUCCESS;
}
