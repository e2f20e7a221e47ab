#include "output.h"
#include "describe.h"
#include "store_scopes.h"

int taictl_scope_list(taictl_t *run)
{
    static const taictl_field_t fields[] = {{"SCOPE", "name"},
                                            {"DEFAULT", "default"},
                                            {"PLANS", "plans"},
                                            {"DESCRIPTION", "description"},
                                            {NULL, NULL}};
    tai_store_t *store = taictl_store(run);
    apr_array_header_t *scopes;
    const char *text;
    json_t *list;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_list_scopes(store, run->pool, &scopes, &text) != APR_SUCCESS) {
        return taictl_fail(text);
    }
    list = json_array();
    for (int i = 0; i < scopes->nelts; i++) {
        const tai_scope_info_t *scope = APR_ARRAY_IDX(scopes, i, const tai_scope_info_t *);

        json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:b, s:o}", "name", tai_describe_text(scope->name, run->pool),
                      "description", tai_describe_text(scope->description, run->pool), "default",
                      scope->is_default, "plans", tai_describe_names(scope->plans, run->pool)));
    }
    return taictl_print_list(run, list, fields);
}
