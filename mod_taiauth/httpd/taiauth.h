#ifndef TAIAUTH_H
#define TAIAUTH_H

/*
 * What the files of the httpd side share: configuration, and what is known of a client request.
 */

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <mod_auth.h>

#include "../core/judge.h"
#include "../core/key.h"
#include "../core/limit.h"
#include "../core/limiter.h"
#include "../core/lookup.h"
#include "../core/refusal.h"
#include "../core/segment.h"
#include "../core/store.h"
#include "../core/store_principals.h"
#include "../core/windows.h"

extern module AP_MODULE_DECLARE_DATA taiauth_module;
#ifndef TAIAUTH_MODULE_FILE /* AP_DECLARE_MODULE brings its own */
APLOG_USE_MODULE(taiauth);
#endif

#define TAIAUTH_UNDECIDED_S 5        /* when to come again, where something could not be checked */
#define TAIAUTH_TYPE        "TaiKey" /* r->ap_auth_type of an identity that a key established */

/* ---- configuration ------------------------------------------------------------------------ */

#define TAIAUTH_UNSET (-1)

typedef enum { TAIAUTH_OFF, TAIAUTH_ON, TAIAUTH_OPTIONAL } taiauth_mode_e;
typedef enum { TAIAUTH_PREFLIGHT_REQUIRE, TAIAUTH_PREFLIGHT_PASS } taiauth_preflight_e;
typedef enum { TAIAUTH_KEYS_STRICT, TAIAUTH_KEYS_ANY } taiauth_key_format_e;
typedef enum { TAIAUTH_PER_KEY, TAIAUTH_PER_ACCOUNT, TAIAUTH_PER_ADDRESS } taiauth_per_e;

#define TAIAUTH_DRY_SCOPE   1
#define TAIAUTH_DRY_LIMIT   2
#define TAIAUTH_DRY_LOCKOUT 4

#define TAIAUTH_HEADERS_DRAFT  1
#define TAIAUTH_HEADERS_LEGACY 2

/* One TaiAuthScope line. */
typedef struct taiauth_scope_line_t {
    const apr_array_header_t *methods; /* of const char *; NULL: every method */
    const apr_array_header_t *scopes;  /* of const char *: all of them are needed */
} taiauth_scope_line_t;

/* One TaiAuthRateLimit line. */
typedef struct taiauth_limit_line_t {
    tai_limit_t limit;
    const char *plan; /* holds for this plan alone; NULL: for all */
    const char *name; /* NULL: unnamed */
    taiauth_per_e per;
    const char *shown; /* its name in RateLimit headers */
    const char *told;  /* what RateLimit-Policy says of it; NULL: it has to be written each time */
    tai_id_t policy;   /* added to the identity of who is charged: that of the window */
} taiauth_limit_line_t;

/* One of those who know passwords. */
typedef struct taiauth_provider_t {
    const char *name;
    const authn_provider *provider;
} taiauth_provider_t;

/*
 * Per directory. One list per kind declares the member, its unset value and its merge rule; the
 * default stands in the getter alone. An inner value replaces the outer one as a whole, except
 * scopes_added and documents_added: what .htaccess files say comes on top.
 */
#define TAIAUTH_DIR_NUMBERS(X)              \
    X(mode, TAIAUTH_OFF)                    \
    X(bearer, 0)                            \
    X(format, TAI_FORMAT_JSON)              \
    X(forward_identity, 0)                  \
    X(forward_key, 0)                       \
    X(environment, 1)                       \
    X(preflight, TAIAUTH_PREFLIGHT_REQUIRE) \
    X(dry_run, 0)

#define TAIAUTH_DIR_POINTERS(X)                                                        \
    X(const apr_array_header_t, key_headers) /* of const char *; NULL: X-API-Key */    \
    X(const char, token_header)              /* "": none */                            \
    X(apr_array_header_t, scopes)            /* of taiauth_scope_line_t */             \
    X(apr_array_header_t, limits)            /* of taiauth_limit_line_t; empty: off */ \
    X(const tai_lockout_t, lockout)          /* failures.max 0: off */                 \
    X(const apr_array_header_t, providers)   /* of taiauth_provider_t; NULL: ours */   \
    X(const char, metrics)                   /* path of the Location; "": off */       \
    X(const char, api)                       /* path of the Location; "": off */       \
    X(const char, token_endpoint)            /* path of the Location; "": off */

typedef struct taiauth_dir_t {
#define X(name, unset) int name;
    TAIAUTH_DIR_NUMBERS(X)
#undef X
#define X(type, name) type *name;
    TAIAUTH_DIR_POINTERS(X)
#undef X
    apr_array_header_t *scopes_added; /* of taiauth_scope_line_t, from .htaccess */
    int documents_added;              /* 1: a .htaccess file names an ErrorDocument */
} taiauth_dir_t;

#define TAIAUTH_SERVER_NUMBERS(X)      \
    X(key_format, TAIAUTH_KEYS_STRICT) \
    X(headers, TAIAUTH_HEADERS_DRAFT)

#define TAIAUTH_SERVER_POINTERS(X)                                             \
    X(const char, realm)      /* NULL: AuthName */                             \
    X(const char, dbd_driver) /* mod_dbd's own directives, noted by the way */ \
    X(const char, dbd_params)                                                  \
    X(const char, dbd_max)

typedef struct taiauth_server_t {
#define X(name, unset) int name;
    TAIAUTH_SERVER_NUMBERS(X)
#undef X
#define X(type, name) type *name;
    TAIAUTH_SERVER_POINTERS(X)
#undef X
    int used;                          /* some location of this server asks for keys */
    apr_table_t *credentials;          /* names of all headers that carry credentials somewhere */
    apr_size_t shared_memory;          /* bytes; 0: default; main server only, as the next three */
    apr_int64_t key_cache;             /* keys; 0: off; TAIAUTH_UNSET: default */
    apr_uint32_t sync_interval;        /* milliseconds; 0: default; see taiauth_sync_interval */
    apr_uint32_t lease;                /* milliseconds; 0: default; see taiauth_lease */
    apr_uint32_t database_timeout;     /* milliseconds; 0: default; see taiauth_database_limits */
    apr_uint32_t database_connect;     /* the same */
    apr_array_header_t *lockouts;      /* of const tai_lockout_t *: every policy of every server */
    struct taiauth_limiter_t *limiter; /* NULL: shared memory; main server only */
} taiauth_server_t;

/* Getters: the value that holds, with the default. */
#define TAIAUTH_GET(conf, member) taiauth_get_##member(conf)
#define X(name, unset)                                              \
    static inline int taiauth_get_##name(const taiauth_dir_t *conf) \
    {                                                               \
        return conf->name == TAIAUTH_UNSET ? (unset) : conf->name;  \
    }
TAIAUTH_DIR_NUMBERS(X)
#undef X
#define X(name, unset)                                                 \
    static inline int taiauth_get_##name(const taiauth_server_t *conf) \
    {                                                                  \
        return conf->name == TAIAUTH_UNSET ? (unset) : conf->name;     \
    }
TAIAUTH_SERVER_NUMBERS(X)
#undef X

/* config.c */
void *taiauth_dir_create(apr_pool_t *p, char *path);
void *taiauth_dir_merge(apr_pool_t *p, void *base, void *add);
void *taiauth_server_create(apr_pool_t *p, server_rec *s);
void *taiauth_server_merge(apr_pool_t *p, void *base, void *add);
const taiauth_dir_t *taiauth_dir(const request_rec *r);
taiauth_server_t *taiauth_server(const server_rec *s);
/*
 * Every server learns the credential headers of all, for a client may send any of them anywhere, and
 * their lockout policies.
 */
void taiauth_config_settle(server_rec *s, apr_pool_t *p);
/* 1: some location of some server asks for keys */
int taiauth_config_used(server_rec *s);
/* names of the key headers, at least one */
const apr_array_header_t *taiauth_key_headers(const taiauth_dir_t *conf);
/* name of the token header; NULL: a key by itself is enough */
const char *taiauth_token_header(const taiauth_dir_t *conf);
/* 1: the management API or the token endpoint is here */
int taiauth_is_managed(const taiauth_dir_t *conf);
/* 1: both take their credential from the same places */
int taiauth_same_sources(const taiauth_dir_t *a, const taiauth_dir_t *b);

/* milliseconds */
apr_uint32_t taiauth_sync_interval(const taiauth_server_t *conf);
apr_uint32_t taiauth_lease(const taiauth_server_t *conf);

/* check.c */
int taiauth_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

/* conceal.c */
/* before mod_info looks: no password of a database is shown */
int taiauth_conceal(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

/* directives.c */
extern const command_rec taiauth_directives[];

/* ---- a client request --------------------------------------------------------------------- */

/* The lock of a pair that has shown itself right. */
typedef struct taiauth_lock_t {
    tai_count_t count;
    int dry; /* it is not enforced */
} taiauth_lock_t;

/* What was found of the credential for one set of sources. */
typedef struct taiauth_judgement_t {
    const taiauth_dir_t *conf; /* whose sources */
    tai_reason_e reason;       /* TAI_ADMITTED: the key is good */
    apr_uint32_t retry_after;  /* seconds, of a lock or throttle */
    /* for the log; "": nothing that may be shown */
    char prefix[TAI_KEY_PREFIX_LEN + sizeof("...")];
    tai_token_e asked;     /* what the sources ask for */
    tai_digest_t key;      /* of what was presented, where it was well-formed */
    tai_digest_t token;    /* the same of a token that was given */
    tai_record_t *record;  /* NULL unless the key was found */
    tai_id_t id;           /* of record->id, folded with the segment's secrets; as record */
    tai_id_t line;         /* of record->line, folded by the limiter */
    tai_version_t version; /* what the judgement of the record rests on */
    const char *user;      /* r->user; NULL unless admitted */
    taiauth_lock_t
        *lock;  /* to be asked about before anything is given away; NULL: none, or it was */
    int listed; /* it is on the list of long responses */
    struct taiauth_judgement_t *next;
} taiauth_judgement_t;

/* Kept on the initial request: one for all its subrequests and internal redirects. */
typedef struct taiauth_request_t {
    apr_table_t *withheld;           /* credential headers taken out of headers_in; NULL: none */
    taiauth_judgement_t *judgements; /* one for each set of sources met */
    const tai_refusal_t *refusal;    /* of the client request; NULL: none */
    int refusal_status;              /* status that the hooks returned for it */
    const tai_refusal_t *inner;      /* the latest refusal of a subrequest; NULL: none */
    const char *allow;               /* value of Allow for a 405 */
    const char *challenge_scope;     /* scope of a Require tai-scope that refused; NULL: none */
    tai_reason_e challenge_reason;   /* why it refused */
    const taiauth_dir_t *scoped;     /* where the scopes of the client request were judged ... */
    const char *scoped_method;       /* ... and for which method */
    int taken_back;                  /* a look has put a refusal in the place of its response */
    const request_rec *awaiting; /* passed our check: what refuses it before fixups is a Require */
    const request_rec *authenticated; /* passed authentication by httpd's own providers too */
    apr_uint64_t now;                 /* latest reading of tai_clock_ms; 0: none */
    int charging;                     /* fixups of the client request itself have begun */
    int counted;                      /* its verdict has been counted */
    const taiauth_judgement_t *used;  /* the key whose use was noted; NULL: none yet */
    int used_well;                    /* it was noted as admitted */
    const request_rec *published;     /* the last one that was told who is asking */
    /* of tai_charge_t: what this client request has paid, by taiauth_counted_e; NULL: nothing */
    apr_array_header_t *charged[2];
    apr_table_t *cookies; /* of sessions, taken out of Cookie; one sent twice: ""; NULL: none */
    const char *caller;   /* user name of whom the management API knows; NULL: nobody */
    struct taiauth_order_t *order;             /* of the operator: no client request; NULL: none */
    const char *order_error;                   /* why it cannot be carried out; NULL: it can */
    struct taiauth_explanation_t *explanation; /* the steps of the decision; NULL: none is wanted */
} taiauth_request_t;

/* request.c */
/* the request that the client sent: the start of r's chain */
request_rec *taiauth_initial(request_rec *r);
/* what is known of it; NULL: nothing yet */
taiauth_request_t *taiauth_request_find(request_rec *r);
/* the same, made if need be */
taiauth_request_t *taiauth_request(request_rec *r);
/* the judgement that holds where r has landed; NULL: none */
taiauth_judgement_t *taiauth_judged(request_rec *r);
/* 1: r is the ErrorDocument of a refusal of ours, and to be had without a key */
int taiauth_is_error_document(request_rec *r);
/* 1: r is the ErrorDocument of anything, or comes of one */
int taiauth_is_any_error_document(request_rec *r);
/* 1: r asks for this path, a slash behind it or not, and nothing below; NULL and "" are no path */
int taiauth_is_at(const request_rec *r, const char *path);
/* type byte and bytes of the client's prefix: IPv4 /32, IPv6 /64; returns how many bytes */
apr_size_t taiauth_client_prefix(request_rec *r, unsigned char out[9]);

/* credential.c */
typedef struct taiauth_credential_t {
    const char *key;   /* NULL unless it may be one */
    const char *token; /* NULL unless asked for and present */
    tai_token_e asked;
    tai_shape_e shape;   /* of the key */
    tai_reason_e reason; /* TAI_ADMITTED: well-formed */
} taiauth_credential_t;
/* read the credential from where conf says, from the headers or from what was withheld of them */
void taiauth_credential_read(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf,
                             taiauth_credential_t *out);
/* TAI_ADMITTED: a key or token of this form is one that may be looked up */
tai_reason_e taiauth_key_reason(tai_shape_e shape, int key_format);
/* take the credential headers out of the request, look-alikes included */
void taiauth_credential_withhold(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf);

/* verify.c */
taiauth_judgement_t *taiauth_verify(request_rec *r, taiauth_request_t *ctx,
                                    const taiauth_dir_t *conf);
/* 1: one more look-up of a ticket is within what this client and all of the node are granted */
int taiauth_may_look_ticket_up(request_rec *r);
/* what failures are counted in under a policy; digest: of the apikey of a pair, NULL: none */
tai_count_t taiauth_failures_count(request_rec *r, const tai_lockout_t *lockout,
                                   const tai_digest_t *digest);
/* the count of a pair belongs to the account of the key */
void taiauth_failures_tag(tai_count_t *count, const tai_record_t *record);
/*
 * The lock of a judgement was asked about, and reason says how that went: TAI_ADMITTED, or what the
 * request is refused with from now on, after j->retry_after.
 */
tai_reason_e taiauth_lock_settle(request_rec *r, taiauth_judgement_t *j, tai_reason_e reason);
/* ask about it where nobody has; j NULL: there is no judgement */
tai_reason_e taiauth_lock_ask(request_rec *r, taiauth_judgement_t *j);

/* scopes.c */
/* judge the TaiAuthScope lines; OK, or the status of a refusal */
int taiauth_scopes_check(request_rec *r, const taiauth_dir_t *conf, const taiauth_judgement_t *j);
/* refuse a scope, or note it where TaiAuthDryRun does not enforce it; OK, or the status */
int taiauth_scopes_refuse(request_rec *r, const taiauth_dir_t *conf, tai_reason_e reason,
                          const char *scope);
/*
 * The same lines once more, when a record has changed: TAI_ADMITTED, or why not, and which scope is
 * missing.
 */
tai_reason_e taiauth_scopes_judge(const taiauth_dir_t *conf, const char *method,
                                  const tai_record_t *record, const char **missing);
/* the sentence for a scope that was refused, naming the plans that grant it */
const char *taiauth_scope_text(request_rec *r, tai_reason_e reason, const char *scope);

/* access.c */
int taiauth_access_check(request_rec *r);
int taiauth_access_check_ex(request_rec *r);
int taiauth_authn_check(request_rec *r);
int taiauth_authz_check(request_rec *r);
int taiauth_fixups(request_rec *r);
/* the last look before an application runs */
int taiauth_handler_check(request_rec *r);

/* ticket.c */
/* take the order that the ticket of a request stands for, if it is good */
void taiauth_ticket_take(request_rec *r);
int taiauth_ticket_handler(request_rec *r, int lookup);

/* explain.c: notes for an operator who has the request explained; else these do nothing */
void taiauth_explain_step(request_rec *r, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* what became of the latest step, unless it is well: "not enforced", "not tested" */
void taiauth_explain_mark(const taiauth_request_t *ctx, const char *result, const char *reason);
/* the latest step is what refuses */
void taiauth_explain_refusal(const taiauth_request_t *ctx, tai_reason_e reason);
void taiauth_explain_place(request_rec *r, const taiauth_dir_t *conf);
void taiauth_explain_judged(request_rec *r, const tai_record_t *record, tai_token_e asked,
                            tai_reason_e reason);
void taiauth_explain_require(request_rec *r);

/* ratelimit.c */
/* fill in what a line of the configuration is told and identified by; policy: text of its own */
void taiauth_limit_settle(taiauth_limit_line_t *line, const char *policy, apr_pool_t *p);
/* test and charge the limits of where r has landed; OK, or the status of a refusal */
int taiauth_limits_charge(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf,
                          taiauth_judgement_t *j);

/* every field that tells of a limit, in either style */
#define TAIAUTH_LIMIT_FIELDS                                                       \
    "RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", \
        "X-RateLimit-Reset"

/* the same for a call of the management API, of a user; TAIAUTH_USER_LIMIT where no line says else */
#define TAIAUTH_USER_LIMIT \
    {                      \
        60, 60000          \
    }
int taiauth_limits_charge_user(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf,
                               const tai_principal_t *principal);

/* the client request is refused after all: it gets back what it has paid */
void taiauth_limits_refund(request_rec *r, taiauth_request_t *ctx, tai_reason_e reason);

/* identity.c */
/* first of all: remove what a client sent under our names; also refuses TRACE */
int taiauth_identity_strip(request_rec *r);
/* tell the application who is asking */
void taiauth_identity_publish(request_rec *r, const taiauth_dir_t *conf,
                              const taiauth_judgement_t *j);
/* take that back */
void taiauth_identity_retract(request_rec *r);

/* refuse.c: the only file that writes refusals */
/* refuse r; returns the status for the hook to return. text NULL: that of the code */
int taiauth_refuse(request_rec *r, tai_reason_e reason, const char *text, apr_uint32_t retry_after,
                   const char *scope);
/* refuse a method; allow: those that there are, as Allow has them */
int taiauth_refuse_method(request_rec *r, const char *allow);
/* a verdict that TaiAuthDryRun does not enforce: log and count it */
void taiauth_refuse_dry(request_rec *r, tai_reason_e reason);
/*
 * r passed our check of the key, and something else ends it before fixups: who is locked out learns
 * no more than that. OK, or the status of a refusal, which is r's from now on
 */
int taiauth_refuse_locked(request_rec *r);
/* a request that passed our checks and was refused by a Require: give it our refusal */
void taiauth_refuse_required(request_rec *r);
/* r has failed, in one way or another: give it our refusal where there is one */
void taiauth_refuse_settle(request_rec *r);
void taiauth_refuse_insert_filter(request_rec *r);
void taiauth_refuse_register(apr_pool_t *p);

/* response.c */
/* headers that every answer of the management API carries, refusals included */
void taiauth_response_manage(apr_table_t *out);
/* headers that every answer of a protected location carries, refusals included */
void taiauth_response_protect(request_rec *r, const taiauth_dir_t *conf);
/* have mod_cache store nothing of r */
void taiauth_response_keep_out_of_cache(request_rec *r);
void taiauth_response_insert_filter(request_rec *r);
void taiauth_response_register(apr_pool_t *p);

/* have nothing go out of what was said in an answer that does not; conf: whose Vary holds */
void taiauth_response_forget(request_rec *r, const taiauth_dir_t *conf);

/* look.c */
/* What was shown for a key, as it is judged again. */
typedef struct taiauth_shown_t {
    tai_digest_t key;
    tai_digest_t token; /* with TAI_TOKEN_GIVEN */
    tai_token_e asked;
} taiauth_shown_t;
/* rule 7: does what admitted the client request still hold? OK, or the status of a refusal */
int taiauth_look(request_rec *r);
/* the same when a response begins, with bb */
int taiauth_look_at_response(request_rec *r, const apr_bucket_brigade *bb);
/* the same, before a handler, for what leaves the filters; DECLINED, or the status of a refusal */
int taiauth_look_before_upgrade(request_rec *r);
/* judge a key again, from any thread; error: for the log, where it cannot be asked for */
tai_reason_e taiauth_look_again(const taiauth_shown_t *shown, apr_pool_t *p, tai_known_key_t *known,
                                const char **error);
/* the place where the scopes of a judgement were judged, for ctx->scoped_method; NULL: nowhere */
const taiauth_dir_t *taiauth_scoped(const taiauth_request_t *ctx, const taiauth_judgement_t *j);
taiauth_shown_t taiauth_shown(const taiauth_judgement_t *j);

/* long_response.c */
/* r's response may take its time: from now on it is looked after; OK, or the status of a refusal */
int taiauth_long_response_add(request_rec *r);
/* shut down the connections of those whose key is good no more */
void taiauth_long_responses_look(server_rec *s, apr_pool_t *p);

/* node.c */
void taiauth_node_open(server_rec *s, apr_pool_t *pconf);
/* have the database say what has changed, if it is time to; from any thread of any child */
void taiauth_node_sync(server_rec *s, apr_pool_t *p);
/* have the database know when that was, if it is time to */
void taiauth_node_note_sync(server_rec *s, apr_pool_t *p);
/* log which other nodes were silent, where any was */
void taiauth_node_silent(server_rec *s, const tai_told_t *told, apr_pool_t *p);
/* milliseconds that the lease still runs; 0: it does not */
apr_uint64_t taiauth_node_lease_left(void);

/* require.c */
void taiauth_require_register(apr_pool_t *p);

/* memory.c: the only file that knows the lifetime of shared memory */
extern tai_segment_t *taiauth_segment; /* NULL: there is none, nothing can be decided */
apr_status_t taiauth_memory_open(server_rec *s);
/* no child lives: what those of before held when they were ended is free */
void taiauth_memory_begin(void);
/* what the configuration says, or its default: bytes of the segment; keys of its key table, 0: off */
apr_size_t taiauth_memory_bytes(const taiauth_server_t *conf);
apr_uint64_t taiauth_memory_keys(const taiauth_server_t *conf);
/* 1: there is a key table, and it is to be used */
int taiauth_memory_keeps(const taiauth_server_t *conf);
/* log, at most once a minute on this host, which tables had to give up live entries */
void taiauth_memory_watch(server_rec *s, apr_pool_t *p);

/* database.c */
extern tai_store_t *taiauth_store;   /* NULL: there is none, nothing can be decided */
extern tai_lookup_t *taiauth_lookup; /* NULL: neither */
/* 1: it is ready, or may become so by itself; what is wrong is in the log */
int taiauth_database_check(server_rec *s, apr_pool_t *ptemp);
void taiauth_database_child_init(apr_pool_t *p, server_rec *s);
/* what TaiAuthDatabaseTimeout comes down to, with threads that may wait, and the breaker */
void taiauth_database_limits(const taiauth_server_t *conf, apr_pool_t *p,
                             tai_store_limits_t *limits);
/*
 * Log that a request got no answer of the database: at most once a second a process, and while it is
 * left alone once a minute on this host.
 */
void taiauth_database_complain(request_rec *r, const char *error);
/* log that it answers again, where it was logged that it does not */
void taiauth_database_look(server_rec *s);

/* metrics.c */
int taiauth_metrics_handler(request_rec *r);
/* 1: r reads the metrics or the status page: never charged */
int taiauth_metrics_reads(request_rec *r, const taiauth_dir_t *conf);
/* count the verdict on a client request; of several admissions of one only the first counts */
void taiauth_metrics_verdict(request_rec *r, tai_reason_e reason);

/* usage.c */
/* note the verdict on a client request for the key that it came with, if that is known */
void taiauth_usage_note(request_rec *r, tai_reason_e reason);
/* write to the database what was noted by all children; what cannot be written is kept */
void taiauth_usage_write(server_rec *s, apr_pool_t *p);

/* thread.c */
/* in a child, behind taiauth_database_child_init */
void taiauth_thread_start(server_rec *s);
/* 0: it is at something that does not end in time, with the store */
int taiauth_thread_end(void);

/* watchdog.c */
void taiauth_watchdog_open(server_rec *s, apr_pool_t *pconf);
/* a client request has come: until it is over, the end of the child writes nothing under prefork */
void taiauth_watchdog_begin_request(request_rec *r);
/* behind taiauth_database_child_init */
void taiauth_watchdog_child_init(apr_pool_t *p, server_rec *s);

/* status.c */
void taiauth_status_register(apr_pool_t *p);

#endif
