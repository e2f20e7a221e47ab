#include "pool.h"

#include <apr_allocator.h>
#include <apr_thread_mutex.h>

apr_status_t tai_pool_create(apr_pool_t **out)
{
    apr_allocator_t *allocator;
    apr_thread_mutex_t *mutex;
    apr_status_t rv;

    rv = apr_allocator_create(&allocator);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create_unmanaged_ex(out, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, *out);
    rv = apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, *out);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(*out);
        return rv;
    }
    apr_allocator_mutex_set(allocator, mutex);
    return APR_SUCCESS;
}
