#include "import_source.h"
#include "csv.h"
#include "input.h"
#include "scope.h"
#include "text.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#define BUFFER_SIZE 65536

struct taictl_format_t {
    const char *name;
    const char *(*begin)(taictl_source_t *source, apr_pool_t *p);
    int (*next)(taictl_source_t *source, taictl_row_t *row, apr_pool_t *p, const char **error);
};

struct taictl_source_t {
    const taictl_format_t *format;
    taictl_decode_fn *decode;
    const tai_input_field_t *column[TAICTL_FIELDS_MAX]; /* of CSV: in the order of the file */
    int columns;
    taictl_csv_t csv;         /* of JSON lines: its file, text and lines alone */
    char buffer[BUFFER_SIZE]; /* of the file: it holds keys */
};

#define CELL(name, type, required)                               \
    {                                                            \
#name, type, required, 1, offsetof(taictl_cells_t, name) \
    }

/* What a row may have, in either format. Of a text in CSV an empty one is none. */
static const tai_input_field_t cells_fields[] = {CELL(name, TAI_INPUT_TEXT, 0),
                                                 CELL(key, TAI_INPUT_TEXT, 0),
                                                 CELL(key_hash, TAI_INPUT_TEXT, 0),
                                                 CELL(prefix, TAI_INPUT_TEXT, 0),
                                                 CELL(scopes, TAI_INPUT_TEXTS, 0),
                                                 CELL(rate_limit, TAI_INPUT_TEXT, 0),
                                                 CELL(created_at, TAI_INPUT_TEXT, 0),
                                                 CELL(expires_at, TAI_INPUT_TEXT, 0),
                                                 {NULL, 0, 0, 0, 0}};

/* --- CSV ---------------------------------------------------------------------------------------- */

static const tai_input_field_t *find_column(const char *name)
{
    const tai_input_field_t *field = cells_fields;

    while (field->name != NULL && strcmp(field->name, name) != 0) {
        field++;
    }
    return field->name != NULL ? field : NULL;
}

static const char *names_of_columns(apr_pool_t *p)
{
    const char *names = cells_fields[0].name;

    for (const tai_input_field_t *field = cells_fields + 1; field->name != NULL; field++) {
        names = apr_pstrcat(p, names, ", ", field->name, NULL);
    }
    return names;
}

static int has_column(const taictl_source_t *source, const tai_input_field_t *field)
{
    int i = 0;

    while (i < source->columns && source->column[i] != field) {
        i++;
    }
    return i < source->columns;
}

/* What begins some files with UTF-8, and is no part of the first name. */
static const char *without_mark(const char *name)
{
    return strncmp(name, "\xef\xbb\xbf", 3) == 0 ? name + 3 : name;
}

static const char *read_header(taictl_source_t *source, apr_pool_t *p)
{
    taictl_csv_t *csv = &source->csv;

    if (!taictl_csv_read(csv)) {
        return csv->error != NULL
                   ? apr_pstrcat(p, "the first line cannot be read: ", csv->error, NULL)
                   : "there is no first line, with the names of the columns";
    }
    for (int i = 0; i < csv->count; i++) {
        const char *name = i > 0 ? csv->field[i] : without_mark(csv->field[i]);
        const tai_input_field_t *field = find_column(name);

        if (field == NULL || has_column(source, field)) {
            return apr_psprintf(p, "the first line has a column \"%s\"; allowed, each once: %s",
                                tai_text_line(name, 64, p), names_of_columns(p));
        }
        source->column[source->columns++] = field;
    }
    return NULL;
}

static void set_cell(taictl_cells_t *cells, const tai_input_field_t *field, char *text,
                     apr_pool_t *p)
{
    void *cell = (char *)cells + field->offset;

    if (*text == '\0') {
        return;
    }
    if (field->type == TAI_INPUT_TEXTS) {
        *(const apr_array_header_t **)cell = tai_scope_split(text, p);
    }
    else {
        *(const char **)cell = text;
    }
}

static int next_record(taictl_source_t *source, taictl_row_t *row, apr_pool_t *p,
                       const char **error)
{
    taictl_csv_t *csv = &source->csv;
    taictl_cells_t cells = {0};

    OPENSSL_cleanse(csv->text, csv->len);
    if (!taictl_csv_read(csv)) {
        if (csv->error != NULL) {
            *error = apr_psprintf(p, "line %" APR_INT64_T_FMT ": %s; the rest was not read",
                                  csv->line, csv->error);
        }
        return 0;
    }
    row->line = csv->line;
    if (csv->count != source->columns) {
        row->reason = apr_psprintf(p, "it has %d fields, and the first line has %d", csv->count,
                                   source->columns);
        return 1;
    }
    for (int i = 0; i < csv->count; i++) {
        set_cell(&cells, source->column[i], csv->field[i], p);
    }
    taictl_row_decode(source->decode, &cells, p, row);
    return 1;
}

/* --- JSON lines --------------------------------------------------------------------------------- */

/* The bytes of the next line that is not empty; what does not fit is counted and left out. */
static int read_line(taictl_csv_t *file)
{
    int c = getc_unlocked(file->in);

    for (; c == '\n' || c == '\r'; c = getc_unlocked(file->in)) {
        file->next_line += c == '\n';
    }
    file->line = file->next_line;
    for (file->len = 0; c != '\n' && c != EOF; c = getc_unlocked(file->in)) {
        if (file->len < TAICTL_RECORD_MAX) {
            file->text[file->len] = (char)c;
        }
        file->len++;
    }
    file->next_line += c == '\n';
    return file->len > 0;
}

static const char *read_object(const taictl_csv_t *file, apr_pool_t *p, taictl_cells_t *cells)
{
    json_t *object;
    const char *reason;

    if (file->len > TAICTL_RECORD_MAX) {
        return "it is longer than 16384 bytes";
    }
    reason = tai_input_parse("The row", file->text, file->len, p, &object);
    return reason != NULL ? reason : tai_input_read(object, cells_fields, cells, p);
}

static int next_line(taictl_source_t *source, taictl_row_t *row, apr_pool_t *p, const char **error)
{
    taictl_csv_t *file = &source->csv;
    taictl_cells_t cells = {0};

    if (!read_line(file)) {
        *error = ferror(file->in) ? "reading failed" : NULL;
        return 0;
    }
    row->line = file->line;
    row->reason = read_object(file, p, &cells);
    OPENSSL_cleanse(file->text, file->len < TAICTL_RECORD_MAX ? file->len : TAICTL_RECORD_MAX);
    if (row->reason == NULL) {
        taictl_row_decode(source->decode, &cells, p, row);
    }
    return 1;
}

/* --- both --------------------------------------------------------------------------------------- */

static apr_status_t close_source(void *data)
{
    taictl_source_t *source = data;

    fclose(source->csv.in);
    OPENSSL_cleanse(source, sizeof(*source));
    return APR_SUCCESS;
}

static const char *begin_lines(taictl_source_t *source, apr_pool_t *p)
{
    (void)source;
    (void)p;
    return NULL;
}

const taictl_format_t *taictl_find_format(const char *name)
{
    static const taictl_format_t known[] = {{"csv", read_header, next_record},
                                            {"jsonl", begin_lines, next_line}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            return &known[i];
        }
    }
    return NULL;
}

const char *taictl_source_open(FILE *in, const taictl_format_t *format, taictl_decode_fn *decode,
                               apr_pool_t *p, taictl_source_t **out)
{
    taictl_source_t *source = apr_pcalloc(p, sizeof(*source));

    source->format = format;
    source->decode = decode;
    source->csv.in = in;
    source->csv.next_line = 1;
    setvbuf(in, source->buffer, _IOFBF, sizeof(source->buffer));
    apr_pool_cleanup_register(p, source, close_source, apr_pool_cleanup_null);
    *out = source;
    return format->begin(source, p);
}

int taictl_source_next(taictl_source_t *source, taictl_row_t *row, apr_pool_t *p,
                       const char **error)
{
    *error = NULL;
    *row = (taictl_row_t){0};
    return source->format->next(source, row, p, error);
}
