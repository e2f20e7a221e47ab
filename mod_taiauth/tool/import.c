#include "taictl.h"
#include "describe.h"
#include "import_source.h"
#include "import_spool.h"
#include "progress.h"
#include "scope.h"
#include "store_accounts.h"
#include "tell.h"
#include "when.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <apr_strings.h>

#define ROWS_BETWEEN 256 /* two looks at how far the file is read */

/* What is to be done, and what has been. */
typedef struct work_t {
    const taictl_t *run;
    taictl_source_t *source;
    FILE *in;
    FILE *rows;     /* read and not yet written */
    FILE *refusals; /* rows with their reasons, said when the database is free again */
    apr_int64_t read, imported, present, refused;
} work_t;

/* --- reading: before the database is held ------------------------------------------------------- */

/* As it is called, or else as the name of the file ends. */
static const taictl_format_t *choose_format(const taictl_t *run)
{
    const char *dot = strrchr(run->args[1], '.');
    const char *ending = dot != NULL ? dot + 1 : "";

    return taictl_find_format(run->option[OPTION_FORMAT] ? run->option[OPTION_FORMAT] : ending);
}

static apr_int64_t size_of(FILE *file)
{
    struct stat info;

    return fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode) ? info.st_size : 0;
}

static const char *read_rows(work_t *work)
{
    apr_int64_t size = size_of(work->in);
    taictl_progress_t progress;
    taictl_row_t row;
    const char *error;
    apr_pool_t *p;

    apr_pool_create(&p, work->run->pool);
    taictl_progress_begin(&progress, "reading", size);
    while (taictl_source_next(work->source, &row, p, &error)) {
        taictl_spool_add(work->rows, &row);
        apr_pool_clear(p);
        if (++work->read % ROWS_BETWEEN == 0) {
            taictl_progress_show(&progress, size > 0 ? ftello(work->in) : work->read);
        }
    }
    taictl_progress_end(&progress);
    return error != NULL ? error : taictl_spool_rewind(work->rows);
}

/* Refused rows are none to keep the others from the database only if the operator says so. */
static int is_kept(const work_t *work)
{
    return work->refused == 0 || work->run->option[OPTION_SKIP_BAD] != NULL;
}

/* --- writing: in one transaction ---------------------------------------------------------------- */

static tai_change_e write_row(work_t *work, tai_import_t *import, taictl_row_t *row, apr_pool_t *p,
                              const char **text)
{
    tai_change_e outcome = TAI_CHANGE_INVALID;

    if (row->reason == NULL) {
        outcome = tai_import_add(import, &row->key, p, &row->reason);
    }
    switch (outcome) {
    case TAI_CHANGE_DONE:
        work->imported++;
        break;
    case TAI_CHANGE_TAKEN:
        work->present++;
        break;
    case TAI_CHANGE_UNKNOWN:
        *text =
            apr_psprintf(work->run->pool, "line %" APR_INT64_T_FMT ": %s", row->line, row->reason);
        break;
    default:
        work->refused++;
        taictl_spool_add(work->refusals, row);
    }
    return outcome;
}

/* A database that failed is tried once more: what came of the first try is undone. */
static const char *begin_anew(work_t *work)
{
    const char *error = taictl_spool_rewind(work->rows);

    work->imported = work->present = work->refused = 0;
    if (error == NULL) {
        error = taictl_spool_rewind(work->refusals);
    }
    return error == NULL && ftruncate(fileno(work->refusals), 0) != 0
               ? "the temporary file cannot be emptied"
               : error;
}

static tai_change_e write_rows(tai_import_t *import, void *data, const char **text)
{
    work_t *work = data;
    tai_change_e outcome = TAI_CHANGE_DONE;
    taictl_progress_t progress;
    apr_int64_t done = 0;
    taictl_row_t row;
    apr_pool_t *p;

    *text = begin_anew(work);
    if (*text != NULL) {
        return TAI_CHANGE_UNKNOWN;
    }
    apr_pool_create(&p, work->run->pool);
    taictl_progress_begin(&progress, "writing", work->read);
    while (outcome != TAI_CHANGE_UNKNOWN && taictl_spool_next(work->rows, &row, p)) {
        outcome = write_row(work, import, &row, p, text);
        taictl_progress_show(&progress, ++done);
        apr_pool_clear(p);
    }
    taictl_progress_end(&progress);
    if (outcome != TAI_CHANGE_UNKNOWN && done < work->read) {
        *text = "the temporary file cannot be read";
        outcome = TAI_CHANGE_UNKNOWN;
    }
    if (outcome == TAI_CHANGE_UNKNOWN) {
        return outcome;
    }
    *text = "rows were refused";
    return is_kept(work) ? TAI_CHANGE_DONE : TAI_CHANGE_INVALID;
}

/* --- what became of it -------------------------------------------------------------------------- */

static void print_text(const work_t *work, apr_pool_t *p)
{
    const taictl_t *run = work->run;
    taictl_row_t row;

    while (taictl_spool_next(work->refusals, &row, p)) {
        fprintf(stderr, "line %" APR_INT64_T_FMT ": %s\n", row.line, row.reason);
        apr_pool_clear(p);
    }
    printf("account %s: %" APR_INT64_T_FMT " keys imported, %" APR_INT64_T_FMT
           " there already, %" APR_INT64_T_FMT " refused%s%s\n",
           run->args[0], work->imported, work->present, work->refused,
           is_kept(work) ? "" : "; --skip-bad leaves those out",
           run->option[OPTION_DRY_RUN] ? "; a dry run: nothing was changed" : "");
}

/* Of refused rows there may be more than fit into memory. */
static void print_json(const work_t *work, apr_pool_t *p)
{
    const taictl_t *run = work->run;
    json_t *object =
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:b}", "account", tai_describe_text(run->args[0], p),
                  "rows", (json_int_t)work->read, "imported", (json_int_t)work->imported, "present",
                  (json_int_t)work->present, "refused", (json_int_t)work->refused, "dry_run",
                  run->option[OPTION_DRY_RUN] != NULL);
    const char *between = "";
    taictl_row_t row;

    putchar('{');
    json_dumpf(object, stdout, JSON_EMBED);
    fputs(", \"refused_rows\": [", stdout);
    while (taictl_spool_next(work->refusals, &row, p)) {
        json_t *refused = json_pack("{s:I, s:o}", "line", (json_int_t)row.line, "reason",
                                    tai_describe_text(row.reason, p));

        printf("%s\n  ", between);
        json_dumpf(refused, stdout, 0);
        json_decref(refused);
        between = ",";
        apr_pool_clear(p);
    }
    puts("]}");
    json_decref(object);
}

static int report(work_t *work)
{
    const char *error = taictl_spool_rewind(work->refusals);
    apr_pool_t *p;

    if (error != NULL) {
        return taictl_fail(error);
    }
    if (!is_kept(work)) {
        work->imported = 0;
    }
    apr_pool_create(&p, work->run->pool);
    (work->run->option[OPTION_JSON] != NULL ? print_json : print_text)(work, p);
    return work->refused == 0 ? TAICTL_DONE : TAICTL_FAILED;
}

/* --- the command -------------------------------------------------------------------------------- */

static const char *open_files(work_t *work, const taictl_format_t *format, taictl_decode_fn *decode)
{
    const taictl_t *run = work->run;
    const char *name = run->args[1];
    const char *error;

    work->in = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
    if (work->in == NULL) {
        return apr_psprintf(run->pool, "file %s cannot be read: %s", name, strerror(errno));
    }
    error = taictl_source_open(work->in, format, decode, run->pool, &work->source);
    if (error == NULL) {
        error = taictl_spool_open(run->pool, &work->rows);
    }
    return error != NULL ? error : taictl_spool_open(run->pool, &work->refusals);
}

/*
 * Nobody else can write meanwhile: a node that had still to say how far it has come would lose its
 * lease. So all of them come first.
 */
static int import_rows(work_t *work, tai_store_t *store)
{
    const taictl_t *run = work->run;
    const char *scopes = run->option[OPTION_SCOPES];
    tai_import_order_t order = {.account = run->args[0],
                                .scopes = scopes ? tai_scope_split(scopes, run->pool) : NULL,
                                .add_rows = write_rows,
                                .data = work,
                                .dry_run = run->option[OPTION_DRY_RUN] != NULL};
    const char *text = read_rows(work);
    tai_change_e outcome;
    tai_told_t told;

    if (text == NULL) {
        text = taictl_tell(run, store, &told);
    }
    if (text != NULL) {
        return taictl_fail(text);
    }
    outcome = tai_store_import(store, &order, taictl_actor(run), tai_when_now(), run->pool, &text);
    return outcome == TAI_CHANGE_DONE || outcome == TAI_CHANGE_INVALID ? report(work)
                                                                       : taictl_fail(text);
}

int taictl_import(taictl_t *run)
{
    const char *hashed = run->option[OPTION_HASHED] ? run->option[OPTION_HASHED] : "none";
    taictl_decode_fn *decode = taictl_find_decode(hashed);
    const taictl_format_t *format = choose_format(run);
    work_t work = {.run = run};
    tai_account_t *account;
    tai_store_t *store;
    const char *text;

    if (format == NULL || decode == NULL) {
        return taictl_misuse(run, "--format is csv or jsonl, and needed where the name of the file "
                                  "does not end in it; --hashed is none, hex or base64");
    }
    store = taictl_store_within(run, &tai_store_patient);
    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_show_account(store, run->args[0], tai_when_now(), run->pool, &account, &text) !=
        TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    text = open_files(&work, format, decode);
    return text != NULL ? taictl_fail(text) : import_rows(&work, store);
}
