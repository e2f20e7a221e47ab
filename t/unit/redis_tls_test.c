#include <sys/stat.h>
#include "redis.h"

/* rediss://, where hiredis was built with TLS: the server has to prove its name or address by a
 * certificate of an authority that is trusted. */

static server_t server;
static const char *folder; /* of certificates */

/* Run by the shell, in the folder. */
static void shell(const char *command)
{
    ck_assert_int_eq(system(apr_psprintf(pool, "cd %s && { %s; } >log 2>&1", folder, command)), 0);
}

/* A certificate NAME.pem with its key NAME.key, by the authority ca.pem. */
static void certify(const char *name, const char *subject_alternative)
{
    shell(apr_psprintf(pool,
                       "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
                       "%s.key -subj /CN=%s -out %s.csr && echo subjectAltName=%s >%s.ext && "
                       "openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
                       "-days 2 -extfile %s.ext -out %s.pem",
                       name, name, name, subject_alternative, name, name, name, name));
}

static void make_authority(const char *name)
{
    shell(apr_psprintf(pool,
                       "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                       "-keyout %s.key -subj /CN=%s -days 2 -out %s.pem",
                       name, name, name));
}

static void prepare(void)
{
    char *path;

    signal(SIGPIPE, SIG_IGN);
    make_pool();
    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    path = apr_pstrdup(pool, "/tmp/taiauth-tls.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    folder = path;
    make_authority("ca");
    make_authority("other");
    certify("right", "IP:127.0.0.1,DNS:localhost");
    certify("wrong", "IP:127.0.0.2,DNS:elsewhere");
}

static void finish(void)
{
    server_stop(&server);
    system(apr_psprintf(pool, "rm -rf %s", folder));
    destroy_pool();
}

/* @return its port for TLS */
static int serve(const char *certificate)
{
    const int port = free_port();
    int n = 0;

    server.args[n++] = "--tls-port";
    server.args[n++] = apr_itoa(pool, port);
    server.args[n++] = "--tls-cert-file";
    server.args[n++] = apr_psprintf(pool, "%s/%s.pem", folder, certificate);
    server.args[n++] = "--tls-key-file";
    server.args[n++] = apr_psprintf(pool, "%s/%s.key", folder, certificate);
    server.args[n++] = "--tls-ca-cert-file";
    server.args[n++] = apr_psprintf(pool, "%s/ca.pem", folder);
    server.args[n++] = "--tls-auth-clients";
    server.args[n++] = "no";
    server.args[n] = NULL;
    server_start(&server);
    return port;
}

static apr_status_t charge(const char *host, int port, const char *ca, const char **error)
{
    apr_array_header_t *options = apr_array_make(pool, 1, sizeof(tai_limiter_option_t));
    tai_charge_t one = {.id = {1, 1}, .limit = {5, 60000}};
    tai_redis_config_t *config = NULL;
    tai_limiter_t limiter;
    apr_status_t rv = APR_SUCCESS;
    int admitted, i;

    if (ca != NULL) {
        APR_ARRAY_PUSH(options, tai_limiter_option_t) =
            (tai_limiter_option_t){"ca", apr_psprintf(pool, "%s/%s.pem", folder, ca)};
    }
    *error = tai_redis_config_parse(apr_psprintf(pool, "rediss://%s:%d", host, port), options,
                                    TIMEOUT_MS, pool, &config);
    ck_assert_msg(*error == NULL, "%s", *error);
    ck_assert_int_eq(tai_redis_limiter_open(config, 1, tai_redis_time, pool, &limiter),
                     APR_SUCCESS);
    for (i = 0; i < 3 && rv == APR_SUCCESS; i++) { /* the second time it is there already */
        rv = limiter.ops->charge(limiter.self, &one, 1, NULL, 0, &admitted, pool, error);
    }
    return rv;
}

static const struct {
    const char *host, *certificate, *ca, *error; /* NULL: none */
} cases[] = {
    {"127.0.0.1", "right", "ca", NULL},
    {"localhost", "right", "ca", NULL},
    {"127.0.0.1", "wrong", "ca", "IP address mismatch"},
    {"localhost", "wrong", "ca", "hostname mismatch"},
    {"127.0.0.1", "right", "other", "self-signed certificate"},
    {"127.0.0.1", "right", NULL, "self-signed certificate"},
};

START_TEST(a_server_proves_who_it_is)
{
    const char *error = "";
    const apr_status_t rv =
        charge(cases[_i].host, serve(cases[_i].certificate), cases[_i].ca, &error);

    if (cases[_i].error == NULL) {
        ck_assert_msg(rv == APR_SUCCESS, "%s", error);
    }
    else {
        ck_assert_int_ne(rv, APR_SUCCESS);
        ck_assert_msg(strstr(error, cases[_i].error) != NULL, "%s", error);
    }
}
END_TEST

START_TEST(who_speaks_no_tls_is_a_failure)
{
    const char *error = "";

    serve("right");
    ck_assert_int_ne(charge("127.0.0.1", server.port, "ca", &error), APR_SUCCESS);
    ck_assert_str_ne(error, "");
}
END_TEST

START_TEST(who_is_silent_is_a_failure_in_time)
{
    const char *error = "";
    const int port = serve("right");

    kill(server.pid, SIGSTOP);
    ck_assert_int_eq(charge("127.0.0.1", port, "ca", &error), APR_TIMEUP);
    kill(server.pid, SIGCONT);
}
END_TEST

START_TEST(authorities_that_there_are_not_are_an_error)
{
    apr_array_header_t *options = apr_array_make(pool, 1, sizeof(tai_limiter_option_t));
    tai_redis_config_t *config;
    const char *error;

    serve("right");
    APR_ARRAY_PUSH(options, tai_limiter_option_t) = (tai_limiter_option_t){"ca", "/nowhere.pem"};
    error = tai_redis_config_parse("rediss://127.0.0.1", options, 50, pool, &config);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_nonnull(strstr(error, "ca= names no readable file"));
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, prepare, finish);
    tcase_add_loop_test(tests, a_server_proves_who_it_is, 0, ROWS(cases));
    tcase_add_test(tests, who_speaks_no_tls_is_a_failure);
    tcase_add_test(tests, who_is_silent_is_a_failure_in_time);
    tcase_add_test(tests, authorities_that_there_are_not_are_an_error);
}

int main(void)
{
    return unit_run("Redis over TLS", add);
}
