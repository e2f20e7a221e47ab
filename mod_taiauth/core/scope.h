#ifndef TAI_SCOPE_H
#define TAI_SCOPE_H

#include <apr_pools.h>
#include <apr_tables.h>

#define TAI_SCOPE_MAX_LEN 64

/**
 * @param name  the whole text must be a scope: [a-z0-9_.-]+(:[a-z0-9_.-]+)*, at most 64 characters
 * @return 1: it is one
 */
int tai_scope_valid(const char *name);

/**
 * Split a list of scopes, separated by blanks or commas.
 * @param text  NULL or empty: an empty list
 * @param p     the array and the names live here
 * @return array of const char *; never NULL
 */
apr_array_header_t *tai_scope_split(const char *text, apr_pool_t *p);

/**
 * @param list  array of const char *
 * @param name  exact name
 * @return 1: the list holds it
 */
int tai_scope_in(const apr_array_header_t *list, const char *name);

/**
 * The same of a text.
 * @param list  names separated by blanks
 */
int tai_scope_listed(const char *list, const char *name);

#endif
