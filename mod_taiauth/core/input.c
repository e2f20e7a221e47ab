#include "input.h"

#include <string.h>
#include <apr_strings.h>
#include "text.h"

#define TEXTS_MAX     100
#define NAME_SHOWN    64 /* characters of a stranger's name that a sentence repeats */
#define SENTENCE_JSON " must be one JSON object in UTF-8"

/* ---- parsing ------------------------------------------------------------------------------ */

/* Counted outside of texts; what is no JSON at all may be counted wrongly and is refused anyway. */
static int is_too_deep(const char *bytes, apr_size_t len)
{
    int depth = 0;
    int in_text = 0;

    for (apr_size_t i = 0; i < len; i++) {
        if (in_text) {
            in_text = bytes[i] != '"';
            i += bytes[i] == '\\';
        }
        else if (bytes[i] == '"') {
            in_text = 1;
        }
        else if (bytes[i] == '{' || bytes[i] == '[') {
            if (++depth > TAI_INPUT_DEPTH) {
                return 1;
            }
        }
        else if (bytes[i] == '}' || bytes[i] == ']') {
            depth--;
        }
    }
    return 0;
}

/* Jansson's own text repeats what stands near the mistake, which may be a password. */
static const char *what_is_wrong(enum json_error_code code)
{
    switch (code) {
    case json_error_duplicate_key:
        return "no member may stand in it twice";
    case json_error_invalid_utf8:
        return "this is no UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "no text may hold a NUL";
    case json_error_end_of_input_expected:
        return "nothing may stand behind it";
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_out_of_memory:
        return "it could not be read";
    default:
        return "this is no JSON";
    }
}

static apr_status_t give_back(void *object)
{
    json_decref(object);
    return APR_SUCCESS;
}

const char *tai_input_parse(const char *what, const char *bytes, apr_size_t len, apr_pool_t *p,
                            json_t **out)
{
    json_error_t error;
    json_t *json;

    *out = NULL;
    if (is_too_deep(bytes, len)) {
        return apr_psprintf(p, "%s must be no deeper than %d objects and lists.", what,
                            TAI_INPUT_DEPTH);
    }
    json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        return apr_psprintf(p, "%s" SENTENCE_JSON ": %s (line %d, column %d).", what,
                            what_is_wrong(json_error_code(&error)), error.line, error.column);
    }
    if (!json_is_object(json)) {
        json_decref(json);
        return apr_pstrcat(p, what, SENTENCE_JSON ", such as {\"name\": \"value\"}.", NULL);
    }
    apr_pool_cleanup_register(p, json, give_back, apr_pool_cleanup_null);
    *out = json;
    return NULL;
}

/* ---- reading members ---------------------------------------------------------------------- */

/* Each sets what it is asked to, or returns 0: the value is of another type. */

static int read_text(const json_t *value, void *out, apr_pool_t *p)
{
    (void)p;
    *(const char **)out = json_string_value(value);
    return json_is_string(value);
}

static int read_texts(const json_t *value, void *out, apr_pool_t *p)
{
    apr_size_t n = json_array_size(value);
    apr_array_header_t *texts;

    if (!json_is_array(value) || n == 0 || n > TEXTS_MAX) {
        return 0;
    }
    texts = apr_array_make(p, (int)n, sizeof(const char *));
    for (apr_size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(value, i));

        if (text == NULL) {
            return 0;
        }
        APR_ARRAY_PUSH(texts, const char *) = text;
    }
    *(const apr_array_header_t **)out = texts;
    return 1;
}

static int read_number(const json_t *value, void *out, apr_pool_t *p)
{
    (void)p;
    *(apr_int64_t *)out = json_integer_value(value);
    return json_is_integer(value);
}

static int read_flag(const json_t *value, void *out, apr_pool_t *p)
{
    (void)p;
    *(int *)out = json_is_true(value);
    return json_is_boolean(value);
}

static const struct {
    const char *allowed;
    int (*read)(const json_t *value, void *out, apr_pool_t *p);
} types[] = {
    [TAI_INPUT_TEXT] = {"a text", read_text},
    [TAI_INPUT_TEXTS] = {"a list of 1 to " APR_STRINGIFY(TEXTS_MAX) " texts", read_texts},
    [TAI_INPUT_NUMBER] = {"an integer", read_number},
    [TAI_INPUT_FLAG] = {"true or false", read_flag},
};

static const char *read_field(const json_t *object, const tai_input_field_t *field, void *out,
                              apr_pool_t *p)
{
    const json_t *value = json_object_get(object, field->name);

    if (value == NULL || (field->nullable && json_is_null(value))) {
        return field->required ? apr_psprintf(p, "The member \"%s\" is missing: %s.", field->name,
                                              types[field->type].allowed)
                               : NULL;
    }
    if (types[field->type].read(value, (char *)out + field->offset, p)) {
        return NULL;
    }
    return apr_psprintf(p, "The member \"%s\" must be %s%s.", field->name,
                        types[field->type].allowed, field->nullable ? ", or null" : "");
}

static int is_field(const tai_input_field_t *fields, const char *name)
{
    while (fields->name != NULL && strcmp(fields->name, name) != 0) {
        fields++;
    }
    return fields->name != NULL;
}

static const char *refuse_unknown(const tai_input_field_t *fields, const char *name, apr_pool_t *p)
{
    const char *names = fields->name != NULL ? fields->name : "none";

    while (fields->name != NULL && (++fields)->name != NULL) {
        names = apr_pstrcat(p, names, ", ", fields->name, NULL);
    }
    return apr_psprintf(p, "There is no member \"%s\"; allowed: %s.",
                        tai_text_line(name, NAME_SHOWN, p), names);
}

const char *tai_input_read(json_t *object, const tai_input_field_t *fields, void *out,
                           apr_pool_t *p)
{
    const char *error = NULL;
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        if (!is_field(fields, name)) {
            return refuse_unknown(fields, name, p);
        }
    }
    for (; error == NULL && fields->name != NULL; fields++) {
        error = read_field(object, fields, out, p);
    }
    return error;
}
