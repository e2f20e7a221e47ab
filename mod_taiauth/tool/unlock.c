#include "address.h"
#include "order.h"
#include "output.h"

#include <apr_strings.h>

static const char *check_address(const char *address)
{
    return tai_address_valid(address) ? NULL
                                      : "ADDRESS must be one of IPv4 or IPv6, such as 10.1.2.3 or "
                                        "2001:db8::1";
}

/* what: of which the sentence says that it was unlocked; error: of the command line, or NULL */
static int unlock(taictl_t *run, json_t *order, const char *what, const char *error)
{
    json_t *answer;
    int status, locks;

    if (error != NULL) {
        json_decref(order);
        return taictl_misuse(run, error);
    }
    status = taictl_order(run, order, "/", &answer);
    if (status != TAICTL_DONE) {
        return status;
    }
    locks = (int)json_integer_value(json_object_get(answer, "locks"));
    return taictl_print_done(
        run, answer,
        apr_psprintf(run->pool, "%s: %d %s lifted", what, locks, locks == 1 ? "lock" : "locks"));
}

int taictl_unlock_client(taictl_t *run)
{
    const char *address = run->args[0];

    return unlock(run, json_pack("{s:s, s:s}", "order", "unlock", "client", address),
                  apr_pstrcat(run->pool, "client ", address, NULL), check_address(address));
}

int taictl_unlock_user(taictl_t *run)
{
    const char *username = run->args[0];

    return unlock(run, json_pack("{s:s, s:s}", "order", "unlock", "user", username),
                  apr_pstrcat(run->pool, "user name ", username, NULL), NULL);
}

int taictl_unlock_key(taictl_t *run)
{
    const char *id = run->args[0], *address = run->args[1];

    return unlock(
        run, json_pack("{s:s, s:s, s:s}", "order", "unlock", "key_id", id, "client", address),
        apr_pstrcat(run->pool, "key ", id, ", client ", address, NULL), check_address(address));
}
