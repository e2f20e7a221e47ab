#include "csv.h"

/* A CRLF is a newline. */
static int next_byte(taictl_csv_t *csv)
{
    int c = getc_unlocked(csv->in);

    if (c == '\r') {
        int behind = getc_unlocked(csv->in);

        if (behind == '\n') {
            c = behind;
        }
        else {
            ungetc(behind, csv->in);
        }
    }
    csv->next_line += c == '\n';
    return c;
}

/* What it returns ends the field: nothing that a file holds. */
static int fail(taictl_csv_t *csv, const char *error)
{
    csv->error = error;
    return EOF;
}

static int put(taictl_csv_t *csv, int c)
{
    if (csv->len == TAICTL_RECORD_MAX) {
        csv->error = "it is longer than 16384 bytes, or a quote is not closed";
        return 0;
    }
    csv->text[csv->len++] = (char)c;
    return 1;
}

static int add_byte(taictl_csv_t *csv, int c)
{
    if (c == '\0') {
        csv->error = "it holds a NUL";
        return 0;
    }
    return put(csv, c);
}

/* Behind the opening quote. */
static int read_quoted(taictl_csv_t *csv)
{
    int c;

    for (;;) {
        c = next_byte(csv);
        if (c == '"') {
            c = next_byte(csv);
            if (c != '"') {
                break;
            }
        }
        else if (c == EOF) {
            return fail(csv, "a quote is not closed");
        }
        if (!add_byte(csv, c)) {
            return EOF;
        }
    }
    return c == ',' || c == '\n' || c == EOF
               ? c
               : fail(csv, "something stands between a closing quote and the comma");
}

/* Returns what ended the field: a comma, a newline or EOF. */
static int read_field(taictl_csv_t *csv)
{
    int c = next_byte(csv);

    if (c == '"') {
        return read_quoted(csv);
    }
    for (; c != ',' && c != '\n' && c != EOF; c = next_byte(csv)) {
        if (c == '"') {
            return fail(csv, "a quote stands inside of a field that does not begin with one");
        }
        if (!add_byte(csv, c)) {
            return EOF;
        }
    }
    return c;
}

static int read_record(taictl_csv_t *csv)
{
    int end;

    csv->line = csv->next_line;
    csv->count = 0;
    csv->len = 0;
    do {
        if (csv->count == TAICTL_FIELDS_MAX) {
            return fail(csv, "it has more fields than there are columns");
        }
        csv->field[csv->count++] = csv->text + csv->len;
        end = read_field(csv);
    } while (csv->error == NULL && put(csv, '\0') && end == ',');
    return end;
}

int taictl_csv_read(taictl_csv_t *csv)
{
    int end;

    do {
        end = read_record(csv);
    } while (csv->error == NULL && end == '\n' && csv->count == 1 && csv->len == 1);
    if (csv->error == NULL && ferror(csv->in)) {
        csv->error = "reading failed";
    }
    return csv->error == NULL && !(end == EOF && csv->count == 1 && csv->len == 1);
}
