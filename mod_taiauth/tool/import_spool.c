#include "import_spool.h"
#include "scope.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#define NO_TEXT UINT32_MAX

/* A row is its numbers, and then its texts, each behind its length: layout of this process alone. */
typedef struct numbers_t {
    apr_int64_t line;
    apr_int64_t created_at;
    apr_int64_t expires_at;
} numbers_t;

static apr_status_t close_file(void *data)
{
    fclose(data);
    return APR_SUCCESS;
}

const char *taictl_spool_open(apr_pool_t *p, FILE **out)
{
    const char *directory;
    char *name;
    int file = -1;

    if (apr_temp_dir_get(&directory, p) == APR_SUCCESS) {
        name = apr_pstrcat(p, directory, "/taictl.XXXXXX", NULL);
        file = mkstemp(name);
        if (file >= 0) {
            unlink(name);
        }
    }
    *out = file >= 0 ? fdopen(file, "w+") : NULL;
    if (*out == NULL) {
        return "no temporary file can be made; TMPDIR names where";
    }
    apr_pool_cleanup_register(p, *out, close_file, apr_pool_cleanup_null);
    return NULL;
}

static void put_text(FILE *spool, const char *text)
{
    apr_uint32_t len = text != NULL ? (apr_uint32_t)strlen(text) : NO_TEXT;

    fwrite(&len, sizeof(len), 1, spool);
    if (text != NULL) {
        fwrite(text, 1, len, spool);
    }
}

void taictl_spool_add(FILE *spool, const taictl_row_t *row)
{
    const tai_import_row_t *key = &row->key;
    numbers_t numbers = {row->line, key->created_at, key->expires_at};

    fwrite(&numbers, sizeof(numbers), 1, spool);
    put_text(spool, row->reason);
    if (row->reason == NULL) {
        put_text(spool, key->name);
        put_text(spool, key->key_hash);
        put_text(spool, key->prefix);
        put_text(spool,
                 key->scopes ? apr_array_pstrcat(key->scopes->pool, key->scopes, ' ') : NULL);
        put_text(spool, key->rate_limit);
    }
}

const char *taictl_spool_rewind(FILE *spool)
{
    return fflush(spool) == 0 && !ferror(spool) && fseek(spool, 0, SEEK_SET) == 0
               ? NULL
               : "the temporary file cannot be written; TMPDIR names another place";
}

static const char *get_text(FILE *spool, apr_pool_t *p)
{
    apr_uint32_t len;
    char *text;

    if (fread(&len, sizeof(len), 1, spool) != 1 || len == NO_TEXT) {
        return NULL;
    }
    text = apr_palloc(p, (apr_size_t)len + 1);
    text[fread(text, 1, len, spool)] = '\0';
    return text;
}

int taictl_spool_next(FILE *spool, taictl_row_t *row, apr_pool_t *p)
{
    tai_import_row_t *key = &row->key;
    const char *scopes;
    numbers_t numbers;

    *row = (taictl_row_t){0};
    if (fread(&numbers, sizeof(numbers), 1, spool) != 1) {
        return 0;
    }
    row->line = numbers.line;
    row->reason = get_text(spool, p);
    if (row->reason == NULL) {
        key->created_at = numbers.created_at;
        key->expires_at = numbers.expires_at;
        key->name = get_text(spool, p);
        key->key_hash = get_text(spool, p);
        key->prefix = get_text(spool, p);
        scopes = get_text(spool, p);
        key->scopes = scopes != NULL ? tai_scope_split(scopes, p) : NULL;
        key->rate_limit = get_text(spool, p);
    }
    return 1;
}
