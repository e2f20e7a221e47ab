#ifndef TAI_STORE_SCOPES_H
#define TAI_STORE_SCOPES_H

#include <apr_tables.h>
#include "store.h"

/* A scope of the catalogue. */
typedef struct tai_scope_info_t {
    const char *name;
    const char *description;
    int is_default;                  /* a key created without a list of scopes gets it */
    const apr_array_header_t *plans; /* of const char *: names of those that grant it, by rank */
    const apr_array_header_t *plan_titles; /* of const char *: theirs, in the same order */
} tai_scope_info_t;

/**
 * All scopes, the default ones first.
 * @param p       the list lives here
 * @param scopes  set to an array of const tai_scope_info_t *
 * @param error   set to a sentence on failure
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_store_list_scopes(tai_store_t *store, apr_pool_t *p, apr_array_header_t **scopes,
                                   const char **error);

#endif
