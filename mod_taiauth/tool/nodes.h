#ifndef TAICTL_NODES_H
#define TAICTL_NODES_H

#include "taictl.h"

/**
 * How many nodes there are, and of them how many have not been heard of for too long.
 * @param text  set to a sentence on failure
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer
 */
apr_status_t taictl_count_nodes(tai_store_t *store, apr_pool_t *p, int *count, int *silent,
                                const char **text);

#endif
