#include "output.h"
#include "name.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <apr_strings.h>

#define GAP         2 /* blanks between two columns */
#define ESCAPED_MAX 4 /* what becomes of one byte, at most */

static void print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(value);
}

static const char *join(const json_t *array, apr_pool_t *p)
{
    const char *text = "";

    for (size_t i = 0; i < json_array_size(array); i++) {
        text = apr_pstrcat(p, text, i > 0 ? " " : "", json_string_value(json_array_get(array, i)),
                           NULL);
    }
    return text;
}

const char *taictl_printable(const char *text, apr_pool_t *p)
{
    const apr_size_t len = strlen(text);

    return len == 0 || tai_name_check("text", text, len, p) == NULL
               ? text
               : tai_text_line(text, ESCAPED_MAX * len, p);
}

static const char *show(const json_t *value, apr_pool_t *p);

/* Names and values, such as "admitted 12, refused 3". */
static const char *show_members(const json_t *object, apr_pool_t *p)
{
    const char *text = "";
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        text = apr_pstrcat(p, text, *text != '\0' ? ", " : "", name, " ", show(value, p), NULL);
    }
    return text;
}

/* A value for people. */
static const char *show(const json_t *value, apr_pool_t *p)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return taictl_printable(json_string_value(value), p);
    case JSON_INTEGER:
        return apr_psprintf(p, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    case JSON_TRUE:
        return "yes";
    case JSON_FALSE:
        return "no";
    case JSON_ARRAY:
        return json_array_size(value) > 0 ? taictl_printable(join(value, p), p) : "-";
    case JSON_OBJECT:
        return show_members(value, p);
    default:
        return "-";
    }
}

/* Columns on the screen: every byte that does not continue a character of UTF-8. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text != '\0'; text++) {
        width += (*text & 0xc0) != 0x80;
    }
    return width;
}

static int column_width(const json_t *list, const taictl_field_t *field, apr_pool_t *p)
{
    int widest = width_of(field->title);

    for (size_t i = 0; i < json_array_size(list); i++) {
        int width = width_of(show(json_object_get(json_array_get(list, i), field->member), p));

        widest = width > widest ? width : widest;
    }
    return widest;
}

/* The last column is not filled up: no line ends in blanks. */
static void print_cell(const char *text, int width, int last)
{
    printf("%s%*s", text, last ? 0 : width - width_of(text) + GAP, "");
    if (last) {
        putchar('\n');
    }
}

static void print_table(const json_t *list, const taictl_field_t *fields, apr_pool_t *p)
{
    apr_array_header_t *widths = apr_array_make(p, 8, sizeof(int));
    const taictl_field_t *field;

    for (field = fields; field->title != NULL; field++) {
        int width = column_width(list, field, p);

        APR_ARRAY_PUSH(widths, int) = width;
        print_cell(field->title, width, field[1].title == NULL);
    }
    for (size_t row = 0; row < json_array_size(list); row++) {
        for (field = fields; field->title != NULL; field++) {
            print_cell(show(json_object_get(json_array_get(list, row), field->member), p),
                       APR_ARRAY_IDX(widths, field - fields, int), field[1].title == NULL);
        }
    }
}

int taictl_print_list(const taictl_t *run, json_t *list, const taictl_field_t *fields)
{
    if (run->option[OPTION_JSON] != NULL) {
        print_json(list);
        return TAICTL_DONE;
    }
    print_table(list, fields, run->pool);
    json_decref(list);
    return TAICTL_DONE;
}

int taictl_print_record(const taictl_t *run, json_t *object, const taictl_field_t *fields)
{
    const taictl_field_t *field;
    int width = 0;

    if (run->option[OPTION_JSON] != NULL) {
        print_json(object);
        return TAICTL_DONE;
    }
    for (field = fields; field->title != NULL; field++) {
        width = width_of(field->title) > width ? width_of(field->title) : width;
    }
    for (field = fields; field->title != NULL; field++) {
        const json_t *value = json_object_get(object, field->member);

        if (value != NULL) {
            print_cell(field->title, width, 0);
            print_cell(show(value, run->pool), 0, 1);
        }
    }
    json_decref(object);
    return TAICTL_DONE;
}

int taictl_print_done(const taictl_t *run, json_t *object, const char *sentence)
{
    if (run->option[OPTION_JSON] != NULL) {
        print_json(object);
        return TAICTL_DONE;
    }
    json_decref(object);
    puts(taictl_printable(sentence, run->pool));
    return TAICTL_DONE;
}
