#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <apr_strings.h>
#include "core/clock.h"
#include "core/limiter.h"
#include "redis/config.h"
#include "redis/found.h"
#include "unit.h"

/* What TaiAuthLimiter says of Redis: address, password=, user=, ca=, prefix=. */

static const char *parse(const char *address, const char *name, const char *value,
                         tai_redis_config_t **config)
{
    apr_array_header_t *options = apr_array_make(pool, 1, sizeof(tai_limiter_option_t));

    if (name != NULL) {
        APR_ARRAY_PUSH(options, tai_limiter_option_t) = (tai_limiter_option_t){name, value};
    }
    return tai_redis_config_parse(address, options, 50, pool, config);
}

static const struct {
    const char *address, *host;
    int port;
    const char *path;
    unsigned db;
    const char *user, *password, *shown;
} good[] = {
    {"redis://127.0.0.1", "127.0.0.1", 6379, NULL, 0, NULL, NULL, "redis://127.0.0.1:6379/0"},
    {"redis://127.0.0.1/", "127.0.0.1", 6379, NULL, 0, NULL, NULL, "redis://127.0.0.1:6379/0"},
    {"redis://127.0.0.1:6380/15", "127.0.0.1", 6380, NULL, 15, NULL, NULL,
     "redis://127.0.0.1:6380/15"},
    {"redis://:secret@127.0.0.1", "127.0.0.1", 6379, NULL, 0, NULL, "secret",
     "redis://127.0.0.1:6379/0"},
    {"redis://me:se%40c%2Fr%25t@127.0.0.1:1/2", "127.0.0.1", 1, NULL, 2, "me", "se@c/r%t",
     "redis://127.0.0.1:1/2"},
    {"redis://[::1]:6380/1", "::1", 6380, NULL, 1, NULL, NULL, "redis://[::1]:6380/1"},
    {"redis://nowhere.invalid:65535", "nowhere.invalid", 65535, NULL, 0, NULL, NULL,
     "redis://nowhere.invalid:65535/0"},
    {"unix:///run/redis.sock", NULL, 0, "/run/redis.sock", 0, NULL, NULL, "unix:///run/redis.sock"},
    {"unix://me:secret@/run/redis.sock?db=3", NULL, 0, "/run/redis.sock", 3, "me", "secret",
     "unix:///run/redis.sock?db=3"},
    {"redis+unix:///run/redis.sock?db=0", NULL, 0, "/run/redis.sock", 0, NULL, NULL,
     "redis+unix:///run/redis.sock?db=0"},
};

static void same_text(const char *is, const char *should)
{
    if (should == NULL) {
        ck_assert_ptr_null(is);
    }
    else {
        ck_assert_ptr_nonnull(is);
        ck_assert_str_eq(is, should);
    }
}

START_TEST(addresses_are_read)
{
    tai_redis_config_t *config = NULL;
    const char *error = parse(good[_i].address, NULL, NULL, &config);

    ck_assert_msg(error == NULL, "%s: %s", good[_i].address, error);
    same_text(config->host, good[_i].host);
    ck_assert_int_eq(config->port, good[_i].port);
    same_text(config->path, good[_i].path);
    ck_assert_uint_eq(config->db, good[_i].db);
    same_text(config->user, good[_i].user);
    same_text(config->password, good[_i].password);
    same_text(config->shown, good[_i].shown);
    ck_assert_uint_eq(config->timeout_ms, 50);
}
END_TEST

static const struct {
    const char *address, *name, *value, *says;
} bad[] = {
    {"", NULL, NULL, "redis://[user[:password]@]host[:port][/db]"},
    {"redis://", NULL, NULL, "redis://[user[:password]@]host[:port][/db]"},
    {"redis:127.0.0.1", NULL, NULL, "of the form"},
    {"http://secret@127.0.0.1", NULL, NULL, "of the form"},
    {"redis://:secret@", NULL, NULL, "of the form"},
    {"redis://127.0.0.1:0", NULL, NULL, "port"},
    {"redis://127.0.0.1:65536", NULL, NULL, "port"},
    {"redis://127.0.0.1:80x", NULL, NULL, ""},
    {"redis://127.0.0.1/x", NULL, NULL, "the database is no number from 0 to 65535"},
    {"redis://secret/and@127.0.0.1", NULL, NULL, "an @ stands behind"},
    {"redis://me:12/secret@127.0.0.1", NULL, NULL, "an @ stands behind"},
    {"redis://me:123456/secret@127.0.0.1", NULL, NULL, "an @ stands behind"},
    {"redis://me:secret/and@127.0.0.1", NULL, NULL, "of the form"},
    {"redis://me:12?secret@127.0.0.1", NULL, NULL, "an @ stands behind"},
    {"redis://me:12#secret@127.0.0.1", NULL, NULL, "an @ stands behind"},
    {"unix://:12/secret@/run/redis.sock", NULL, NULL, "an @ stands behind"},
    {"unix:///run/redis.sock?db=secret", NULL, NULL, "no number from 0"},
    {"redis://127.0.0.1/secret", NULL, NULL, "no number from 0"},
    {"redis://127.0.0.1/0/1", NULL, NULL, "database"},
    {"redis://127.0.0.1/-1", NULL, NULL, "database"},
    {"redis://127.0.0.1/65536", NULL, NULL, "database"},
    {"redis://127.0.0.1/99999999999999999999", NULL, NULL, "database"},
    {"redis://127.0.0.1/0?db=1", NULL, NULL, "of the form"},
    {"redis://127.0.0.1/0#secret", NULL, NULL, "of the form"},
    {"redis://:secret%zz@127.0.0.1", NULL, NULL, "two hex digits"},
    {"redis://me@127.0.0.1", NULL, NULL, "a user needs a password"},
    {"unix://run/redis.sock", NULL, NULL, "three slashes"},
    {"unix:///run/redis.sock?database=1", NULL, NULL, "only ?db=N"},
    {"unix:///run/redis.sock?db=x", NULL, NULL, "no number"},
    {"unix:////aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     NULL, NULL, "at most 107"},
    {"redis://127.0.0.1", "pasword", "secret", "password=, user=, ca= and prefix="},
    {"redis://127.0.0.1", "secret", "=", "password=, user=, ca= and prefix="},
    {"redis://127.0.0.1", "prefix", "a:b", "1 to 32 letters, digits and . _ -"},
    {"redis://127.0.0.1", "prefix", "a*", "1 to 32 letters"},
    {"redis://127.0.0.1", "prefix", "{a}", "1 to 32 letters"},
    {"redis://127.0.0.1", "prefix", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1 to 32 letters"},
    {"redis://127.0.0.1", "prefix", "", "prefix= is empty"},
    {"redis://127.0.0.1", "password", "", "password= is empty"},
    {"redis://:secret@127.0.0.1", "password", "secret", "given twice"},
    {"redis://me:secret@127.0.0.1", "user", "me", "given twice"},
    {"redis://127.0.0.1", "user", "me", "a user needs a password"},
    {"redis://127.0.0.1", "ca", "/ca.pem", "rediss:// alone"},
    {"redis://127.0.0.1", "password", "exec:program", "beginning with /"},
#ifndef HAVE_HIREDIS_SSL
    {"rediss://127.0.0.1", NULL, NULL, "rediss:// needs a hiredis with TLS, and hiredis 0.14"},
#endif
};

START_TEST(errors_say_what_is_allowed_and_no_secret)
{
    tai_redis_config_t *config = NULL;
    const char *error = parse(bad[_i].address, bad[_i].name, bad[_i].value, &config);

    ck_assert_msg(error != NULL, "%s", bad[_i].address);
    ck_assert_msg(strstr(error, bad[_i].says) != NULL, "%s: %s", bad[_i].address, error);
    ck_assert_msg(strstr(error, "secret") == NULL, "%s", error);
}
END_TEST

/* ---- programs that say a password ------------------------------------------------------------- */

static const char *folder;

static void make_folder(void)
{
    char *path = apr_pstrdup(pool, "/tmp/taiauth-secret.XXXXXX");

    ck_assert_ptr_nonnull(mkdtemp(path));
    folder = path;
}

static void remove_folder(void)
{
    remove(apr_pstrcat(pool, folder, "/program", NULL));
    rmdir(folder);
}

static const char *write_program(const char *script)
{
    const char *path = apr_pstrcat(pool, folder, "/program", NULL);
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    chmod(path, 0700);
    return path;
}

static tai_redis_found_t found; /* by earlier readings of the same words */

/* @return the password that a program at this path has said, or that was found before */
static const char *password_of(const char *path, const char **error, const char **warning)
{
    tai_redis_config_t *config = NULL;

    *error =
        parse("redis://127.0.0.1", "password", apr_pstrcat(pool, "exec:", path, NULL), &config);
    ck_assert_msg(*error == NULL, "%s", *error);
    *error = tai_redis_find(config, &found, pool, warning);
    return *error == NULL ? config->password : NULL;
}

/* @return what its output was taken for, or why it was not */
static const char *output_of(const char *script, const char **error)
{
    const char *warning;

    return password_of(write_program(script), error, &warning);
}

static const struct {
    const char *script, *password;
} outputs[] = {
    {"echo secret", "secret"},
    {"printf secret", "secret"},
    {"printf 'two words\\r\\nmore\\n'", "two words"},
    {"echo secret; seq 1 100000", "secret"},
    {"echo loud >&2; echo secret", "secret"},
    {"cat; echo secret", "secret"},
};

START_TEST(a_program_says_the_password)
{
    const char *error, *password = output_of(outputs[_i].script, &error);

    ck_assert_msg(error == NULL, "%s", error);
    ck_assert_str_eq(password, outputs[_i].password);
}
END_TEST

static const struct {
    const char *script, *says;
} failing[] = {
    {"echo secret; exit 3", "ended with status 3"},
    {"echo secret; kill -9 $$", "ended with signal 9"},
    {"echo; echo secret", "said nothing"},
    {"yes secret | head -c 600 | tr -d '\\n'", "longer than 512 characters"},
    {"exec >&-; exec sleep 1000", "did not end within 5 seconds"},
    {"sleep 8 & exit 0", "did not end within 5 seconds"},
    {"exec yes secret", "did not end within 5 seconds"},
};

START_TEST(a_program_that_fails_is_an_error)
{
    const char *error;

    output_of(failing[_i].script, &error);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(strstr(error, failing[_i].says) != NULL, "%s", error);
    ck_assert_msg(strstr(error, "secret ") == NULL && strstr(error, "secretsecret") == NULL, "%s",
                  error);
}
END_TEST

/* What is no program, and what is not run. */
static const struct {
    const char *path, *says;
} paths[] = {
    {"/nowhere/program", "cannot be run: No such file"},
    {"/bin/false", "ended with status 1"},
    {"/bin/true", "said nothing"},
};

START_TEST(a_path_is_no_program)
{
    const char *error, *warning;

    password_of(paths[_i].path, &error, &warning);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(strstr(error, paths[_i].says) != NULL, "%s", error);
}
END_TEST

/* Who may write to it, or put another one in its place, is whoever runs it. */
static const struct {
    mode_t file, folder;
    int runs;
} modes[] = {{0700, 0700, 1}, {0755, 0755, 1}, {0775, 0755, 0},
             {0757, 0755, 0}, {0755, 0775, 0}, {0755, 01777, 0}};

START_TEST(a_program_that_others_may_write_is_not_run)
{
    const char *error, *warning, *path = write_program("echo secret");

    chmod(path, modes[_i].file);
    chmod(folder, modes[_i].folder);
    password_of(path, &error, &warning);
    chmod(folder, 0700);
    if (modes[_i].runs) {
        ck_assert_msg(error == NULL, "%s", error);
    }
    else {
        ck_assert_ptr_nonnull(error);
        ck_assert_msg(strstr(error, "is not run: others than root and who starts httpd can write "
                                    "to /tmp/taiauth-secret.") != NULL,
                      "%s", error);
    }
}
END_TEST

START_TEST(a_program_of_somebody_else_is_not_run)
{
    const char *error, *warning, *path = write_program("echo secret");

    if (geteuid() == 0) { /* nobody else can give it away */
        ck_assert_int_eq(chown(path, 65534, 65534), 0);
        password_of(path, &error, &warning);
        ck_assert_ptr_nonnull(error);
        ck_assert_msg(strstr(error, "is not run") != NULL, "%s", error);
    }
}
END_TEST

START_TEST(what_a_program_said_once_stands_in_where_it_fails)
{
    const char *error, *warning, *path = write_program("echo secret");

    ck_assert_str_eq(password_of(path, &error, &warning), "secret");
    ck_assert_ptr_null(warning);
    write_program("exit 3");
    ck_assert_str_eq(password_of(path, &error, &warning), "secret");
    ck_assert_msg(strstr(warning, "ended with status 3") != NULL, "%s", warning);
    write_program("echo another");
    ck_assert_str_eq(password_of(path, &error, &warning), "another");
    ck_assert_ptr_null(warning);
    write_program("exit 3");
    ck_assert_str_eq(password_of(path, &error, &warning), "another");
}
END_TEST

/* ---- names ------------------------------------------------------------------------------------ */

static int resolver_answers;

/* In the place of the C library's: of one name nobody says anything, for as long as we live. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(host, "redis.example") != 0) {
        return real(host, service, hints, list);
    }
    while (!resolver_answers && (hints->ai_flags & AI_NUMERICHOST) == 0) {
        pause();
    }
    return (hints->ai_flags & AI_NUMERICHOST) != 0 ? EAI_NONAME
                                                   : real("127.0.0.1", service, hints, list);
}

static int addresses_within(apr_uint64_t us)
{
    tai_redis_names_ask("redis.example", 6379, tai_clock_us() + us, &found.addresses);
    return found.addresses.n;
}

START_TEST(no_resolver_is_waited_for_without_end)
{
    ck_assert_int_eq(addresses_within(100000), 0);
    resolver_answers = 1;
    ck_assert_int_eq(addresses_within(30000000), 1);
    resolver_answers = 0;
    ck_assert_int_eq(addresses_within(100000), 1);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no process of ours is left */
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, addresses_are_read, 0, ROWS(good));
    tcase_add_loop_test(tests, errors_say_what_is_allowed_and_no_secret, 0, ROWS(bad));
    tcase_add_loop_test(tests, a_program_says_the_password, 0, ROWS(outputs));
    tcase_add_loop_test(tests, a_program_that_fails_is_an_error, 0, ROWS(failing));
    tcase_add_loop_test(tests, a_path_is_no_program, 0, ROWS(paths));
    tcase_add_loop_test(tests, a_program_that_others_may_write_is_not_run, 0, ROWS(modes));
    tcase_add_test(tests, a_program_of_somebody_else_is_not_run);
    tcase_add_test(tests, what_a_program_said_once_stands_in_where_it_fails);
    tcase_add_test(tests, no_resolver_is_waited_for_without_end);
}

int main(void)
{
    return unit_run("configuration of Redis", add);
}
