/*
 * Responses that take their time: downloads, streams, upgraded connections. Their look at the
 * beginning is long ago when a key is revoked, so each child keeps a list of those that it is
 * sending. When something has changed, a thread of the child judges their keys again, and shuts down
 * the connections of those that are good no more. Where the database cannot be asked they run on.
 */

#include "taiauth.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../core/clock.h"

/* One for each key that a response rests on. In the pool of the client request, as all it points to. */
typedef struct entry_t {
    struct entry_t *next, **at;
    taiauth_shown_t shown;
    tai_version_t version;
    const taiauth_dir_t *conf;  /* whose TaiAuthScope lines are enforced; NULL: none */
    const char *method;         /* for which method */
    const conn_rec *connection; /* the client's; of HTTP/2 the one beneath all streams */
    int socket;                 /* of the connection, as a descriptor of ours; see share_socket */
    int cut;                    /* the connection was shut down */
    const char *prefix, *key_id, *client; /* for the log; prefix NULL: not to be shown */
} entry_t;

/*
 * Under prefork a signal ends a child out of whatever it does, and has its pools, with our clean-ups
 * in them, taken apart by the same thread: that must not wait for itself.
 */
static pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static entry_t *entries; /* under lock */

/* ---- the list: all of these under lock ----------------------------------------------------- */

/* Another entry of the same connection; NULL: there is none. */
static entry_t *sibling(const entry_t *entry)
{
    entry_t *e = entries;

    while (e && (e == entry || e->connection != entry->connection)) {
        e = e->next;
    }
    return e;
}

/*
 * A descriptor of our own: httpd may close its own at any moment, and the next connection gets the
 * same number. Streams of one connection share one.
 */
static int share_socket(entry_t *entry)
{
    const entry_t *other = sibling(entry);
    apr_socket_t *socket = ap_get_conn_socket((conn_rec *)entry->connection);
    apr_os_sock_t number;

    if (other) {
        entry->socket = other->socket;
        entry->cut = other->cut;
    }
    else if (!socket || apr_os_sock_get(&number, socket) != APR_SUCCESS) {
        errno = EBADF;
        entry->socket = -1;
    }
    else {
        entry->socket = fcntl(number, F_DUPFD_CLOEXEC, 0);
    }
    return entry->socket >= 0;
}

static void link_entry(entry_t *entry)
{
    entry->next = entries;
    entry->at = &entries;
    if (entries) {
        entries->at = &entry->next;
    }
    entries = entry;
}

static void unlink_entry(entry_t *entry)
{
    if (!sibling(entry)) {
        close(entry->socket);
    }
    *entry->at = entry->next;
    if (entry->next) {
        entry->next->at = entry->at;
    }
}

/* ---- getting on it and off it -------------------------------------------------------------- */

static apr_status_t leave(void *data)
{
    if (pthread_mutex_lock(&lock) != 0) {
        return APR_SUCCESS; /* this thread holds it, and the process ends */
    }
    unlink_entry(data);
    pthread_mutex_unlock(&lock);
    tai_metrics_take(&tai_segment_metrics(taiauth_segment)->long_responses);
    return APR_SUCCESS;
}

static int join(request_rec *r, entry_t *entry)
{
    int joined, error;

    pthread_mutex_lock(&lock);
    joined = share_socket(entry);
    error = errno;
    if (joined) {
        link_entry(entry);
    }
    pthread_mutex_unlock(&lock);
    if (!joined) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, error, r,
                      "taiauth: a response that could not be stopped later is not begun");
        return 0;
    }
    tai_metrics_add(&tai_segment_metrics(taiauth_segment)->long_responses);
    /* before what an entry points to in a pool below goes: mod_dir puts a subrequest in r's place */
    apr_pool_pre_cleanup_register(taiauth_initial(r)->pool, entry, leave);
    return 1;
}

taiauth_shown_t taiauth_shown(const taiauth_judgement_t *j)
{
    return (taiauth_shown_t){j->key, j->token, j->asked};
}

static entry_t *make_entry(request_rec *r, const taiauth_request_t *ctx,
                           const taiauth_judgement_t *j)
{
    entry_t *entry = apr_pcalloc(taiauth_initial(r)->pool, sizeof(*entry));
    const taiauth_dir_t *conf = taiauth_scoped(ctx, j);

    entry->shown = taiauth_shown(j);
    entry->version = j->version;
    entry->conf = conf && !(TAIAUTH_GET(conf, dry_run) & TAIAUTH_DRY_SCOPE) ? conf : NULL;
    entry->method = ctx->scoped_method;
    entry->connection = r->connection->master ? r->connection->master : r->connection;
    entry->prefix = j->prefix;
    entry->key_id = j->record->id;
    entry->client = r->useragent_ip;
    return entry;
}

int taiauth_long_response_add(request_rec *r)
{
    taiauth_request_t *ctx = taiauth_request_find(r);
    taiauth_judgement_t *j;

    if (!ctx || ctx->refusal || ctx->order) {
        return OK;
    }
    for (j = ctx->judgements; j; j = j->next) {
        if (j->reason != TAI_ADMITTED || j->listed) {
            continue;
        }
        if (!join(r, make_entry(r, ctx, j))) {
            return taiauth_refuse(r, TAI_UNDECIDED, NULL, TAIAUTH_UNDECIDED_S, NULL);
        }
        j->listed = 1;
    }
    return OK;
}

/* ---- looking after it ---------------------------------------------------------------------- */

/* A credential that has to be judged again, and what came of it. */
typedef struct suspect_t {
    taiauth_shown_t shown;
    tai_reason_e reason;
    tai_known_key_t known;
} suspect_t;

/* A connection that was shut down, for the log: texts of its own. */
typedef struct cut_t {
    tai_reason_e reason;
    const char *prefix, *key_id, *client;
} cut_t;

static int same_shown(const taiauth_shown_t *a, const taiauth_shown_t *b)
{
    return a->asked == b->asked && tai_digest_same(&a->key, &b->key) &&
           (a->asked != TAI_TOKEN_GIVEN || tai_digest_same(&a->token, &b->token));
}

static suspect_t *find_suspect(const apr_array_header_t *suspects, const taiauth_shown_t *shown)
{
    int i;

    for (i = 0; i < suspects->nelts; i++) {
        suspect_t *suspect = &APR_ARRAY_IDX(suspects, i, suspect_t);

        if (same_shown(&suspect->shown, shown)) {
            return suspect;
        }
    }
    return NULL;
}

static int is_doubtful(const entry_t *entry)
{
    return !entry->cut && !tai_node_holds(taiauth_segment, entry->version);
}

/* Each credential once, however many responses rest on it. */
static apr_array_header_t *collect(apr_pool_t *p)
{
    apr_array_header_t *suspects = apr_array_make(p, 8, sizeof(suspect_t));
    const entry_t *entry;

    pthread_mutex_lock(&lock);
    for (entry = entries; entry; entry = entry->next) {
        if (is_doubtful(entry) && !find_suspect(suspects, &entry->shown)) {
            APR_ARRAY_PUSH(suspects, suspect_t) = (suspect_t){.shown = entry->shown};
        }
    }
    pthread_mutex_unlock(&lock);
    return suspects;
}

static tai_reason_e judge_entry(const entry_t *entry, const suspect_t *suspect)
{
    const char *missing;

    return suspect->reason == TAI_ADMITTED && entry->conf
               ? taiauth_scopes_judge(entry->conf, entry->method, suspect->known.record, &missing)
               : suspect->reason;
}

/* All streams of the connection go with it: they are told apart by a client alone. */
static void shut_down(entry_t *entry, tai_reason_e reason, apr_array_header_t *cuts)
{
    const conn_rec *connection = entry->connection;
    entry_t *e;

    APR_ARRAY_PUSH(cuts, cut_t) =
        (cut_t){reason, apr_pstrdup(cuts->pool, entry->prefix),
                apr_pstrdup(cuts->pool, entry->key_id), apr_pstrdup(cuts->pool, entry->client)};
    (void)shutdown(entry->socket, SHUT_RDWR); /* fails where the client has gone: as well */
    for (e = entries; e; e = e->next) {
        e->cut |= e->connection == connection;
    }
}

/* Of entries that have come since, none has been judged: they are for the next time. */
static void apply(const apr_array_header_t *suspects, apr_array_header_t *cuts)
{
    entry_t *entry;

    pthread_mutex_lock(&lock);
    for (entry = entries; entry; entry = entry->next) {
        const suspect_t *suspect =
            is_doubtful(entry) ? find_suspect(suspects, &entry->shown) : NULL;
        tai_reason_e reason = suspect ? judge_entry(entry, suspect) : TAI_UNDECIDED;

        if (reason == TAI_ADMITTED) {
            entry->version = suspect->known.version;
        }
        else if (tai_reason_code(reason) != TAI_CODE_AUTH_UNAVAILABLE) {
            shut_down(entry, reason, cuts);
        }
    }
    pthread_mutex_unlock(&lock);
}

static void tell(server_rec *s, const cut_t *cut)
{
    tai_metrics_add(&tai_segment_metrics(taiauth_segment)->cut);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                 "taiauth: cut off %s: %s, key %s, key id %s, client %s",
                 tai_code(tai_reason_code(cut->reason))->name, tai_reason_name(cut->reason),
                 cut->prefix ? cut->prefix : "-", cut->key_id, cut->client);
}

void taiauth_long_responses_look(server_rec *s, apr_pool_t *p)
{
    apr_array_header_t *suspects, *cuts;
    const char *error;
    int i;

    if (!taiauth_node_lease_left()) {
        return; /* nothing can be asked */
    }
    suspects = collect(p);
    if (!suspects->nelts) {
        return;
    }
    for (i = 0; i < suspects->nelts; i++) {
        suspect_t *suspect = &APR_ARRAY_IDX(suspects, i, suspect_t);

        suspect->reason = taiauth_look_again(&suspect->shown, p, &suspect->known, &error);
    }
    cuts = apr_array_make(p, 4, sizeof(cut_t));
    apply(suspects, cuts);
    for (i = 0; i < cuts->nelts; i++) {
        tell(s, &APR_ARRAY_IDX(cuts, i, cut_t));
    }
}
