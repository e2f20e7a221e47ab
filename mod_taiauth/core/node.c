#include "node.h"
#include "mutex.h"

apr_status_t tai_node_format(tai_node_t *node)
{
    apr_status_t rv = tai_mutex_init(&node->table);

    return rv == APR_SUCCESS ? tai_mutex_init(&node->syncing) : rv;
}
