#include "order.h"
#include "digest.h"
#include "http_client.h"
#include "key.h"
#include "store_tickets.h"
#include "when.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#define FIELD     "X-Tai-Ticket: "
#define ORDER_MAX 2000 /* bytes: what its column holds */

static const char *read_server(const taictl_t *run, taictl_server_t *server)
{
    const char *error = taictl_server_parse(
        taictl_setting(run->option[OPTION_URL], "TAIAUTH_URL", TAICTL_DEFAULT_URL),
        run->option[OPTION_HOST], run->pool, server);

    server->insecure = run->option[OPTION_INSECURE] != NULL;
    return error;
}

/* Leave the order under the hash of a new ticket. @return NULL, or a sentence */
static const char *leave(taictl_t *run, tai_store_t *store, const json_t *order,
                         char ticket[TAI_KEY_LEN + 1])
{
    char hash[TAI_DIGEST_HEX + 1];
    char *text = json_dumps(order, JSON_COMPACT);
    const char *error = "there are no random bytes for a ticket";

    if (text == NULL || strlen(text) > ORDER_MAX) {
        error = apr_psprintf(run->pool, "an order has %d bytes at the most", ORDER_MAX);
    }
    else if (tai_key_generate(TAI_KIND_TICKET, ticket) == APR_SUCCESS &&
             tai_digest_hex(ticket, hash) == APR_SUCCESS &&
             tai_store_leave_ticket(store, hash, text, tai_when_now(), run->pool, &error) ==
                 TAI_CHANGE_DONE) {
        error = NULL;
    }
    free(text);
    return error;
}

static const char *ask(taictl_t *run, tai_store_t *store, const taictl_server_t *server,
                       const json_t *order, const char *path, taictl_answer_t *received)
{
    char field[sizeof(FIELD) + TAI_KEY_LEN] = FIELD;
    const char *error = leave(run, store, order, field + strlen(FIELD));

    if (error == NULL) {
        error = taictl_http_get(server, path, field, run->pool, received);
    }
    OPENSSL_cleanse(field, sizeof(field));
    return error;
}

/* Any other server, and this module with another database, takes the request for an ordinary one. */
static int not_ours(const taictl_t *run, const taictl_server_t *server, int status)
{
    return taictl_fail(apr_psprintf(
        run->pool,
        "%s did not take the order (it answered %d to %s): mod_taiauth must be loaded there and "
        "use the database %s; --url names another server, --host a virtual host",
        server->url, status, server->name, taictl_database_name(run)));
}

static int read_answer(const taictl_t *run, const taictl_server_t *server, const char *name,
                       const taictl_answer_t *received, json_t **answer)
{
    json_t *object = received->body != NULL ? json_loads(received->body, 0, NULL) : NULL;
    const char *answers = json_string_value(json_object_get(object, "order"));
    const char *error = json_string_value(json_object_get(object, "error"));
    int status = TAICTL_DONE;

    if (answers == NULL || strcmp(answers, name) != 0) {
        status = not_ours(run, server, received->status);
    }
    else if (error != NULL) {
        status = taictl_fail(error);
    }
    if (status == TAICTL_DONE) {
        *answer = json_incref(object);
    }
    json_decref(object);
    return status;
}

int taictl_order(taictl_t *run, json_t *order, const char *path, json_t **answer)
{
    const char *name = apr_pstrdup(run->pool, json_string_value(json_object_get(order, "order")));
    const char *error = "arguments must be UTF-8";
    taictl_server_t server = {0};
    taictl_answer_t received = {0};
    tai_store_t *store;

    if (order == NULL || (error = read_server(run, &server)) != NULL) {
        json_decref(order);
        return taictl_misuse(run, error);
    }
    store = taictl_store(run);
    if (store == NULL) {
        json_decref(order);
        return TAICTL_FAILED;
    }
    json_object_set_new(order, "actor", json_string(taictl_actor(run)->name));
    error = ask(run, store, &server, order, path, &received);
    json_decref(order);
    return error != NULL ? taictl_fail(error) : read_answer(run, &server, name, &received, answer);
}
