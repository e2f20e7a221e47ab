#include "taictl.h"
#include "text.h"

#include <stdlib.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_user.h>

#define LOGIN_MAX 64 /* characters of it in the audit log */

/* Who became root by sudo is himself all the same. */
static const char *login_name(apr_pool_t *p)
{
    const char *sudo = getenv("SUDO_USER");
    char *name;

    if (sudo != NULL && *sudo != '\0') {
        return sudo;
    }
    return apr_uid_name_get(&name, getuid(), p) == APR_SUCCESS
               ? name
               : apr_psprintf(p, "uid %u", (unsigned)getuid());
}

const tai_actor_t *taictl_actor(const taictl_t *run)
{
    tai_actor_t *actor = apr_palloc(run->pool, sizeof(*actor));

    actor->name = apr_pstrcat(
        run->pool, "operator:", tai_text_line(login_name(run->pool), LOGIN_MAX, run->pool), NULL);
    actor->client = "local";
    return actor;
}
