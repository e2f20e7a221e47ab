/*
 * What mod_info shows of the configuration, as a page and by -D DUMP_CONFIG, is what httpd keeps of it
 * when it has been read. DBDParams is read by mod_dbd, too, so that it cannot be altered before.
 */

#include "taiauth.h"

#include <ap_config.h>

static void conceal(ap_directive_t *directive)
{
    for (; directive; directive = directive->next) {
        if (!ap_cstr_casecmp(directive->directive, "DBDParams")) {
            directive->args = "...";
        }
        conceal(directive->first_child);
    }
}

int taiauth_conceal(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)pconf;
    (void)plog;
    (void)ptemp;
    (void)s;
    conceal(ap_conftree);
    return OK;
}
