#include "core/scope.h"
#include "fuzz.h"

/* Every name of the list is in it, and the list reads the same once written again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    apr_array_header_t *list = tai_scope_split(text, pool);
    apr_array_header_t *again = tai_scope_split(apr_array_pstrcat(pool, list, ','), pool);

    const char *joined = apr_array_pstrcat(pool, list, ' ');

    MUST(again->nelts == list->nelts);
    MUST(!tai_scope_listed(joined, "") &&
         tai_scope_listed(joined, text) == tai_scope_in(list, text));
    for (int i = 0; i < list->nelts; i++) {
        const char *name = APR_ARRAY_IDX(list, i, const char *);

        MUST(*name != '\0' && strpbrk(name, " ,\t\r\n") == NULL);
        MUST(strcmp(name, APR_ARRAY_IDX(again, i, const char *)) == 0);
        MUST(tai_scope_in(list, name) && tai_scope_listed(joined, name));
        MUST(!tai_scope_valid(name) || strlen(name) <= TAI_SCOPE_MAX_LEN);
    }
    MUST(!tai_scope_valid(text) || (list->nelts == 1 && tai_scope_in(list, text)));
    free(text);
    return 0;
}
