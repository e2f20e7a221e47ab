#include "text.h"
#include "key.h"

#include <jansson.h>
#include <string.h>
#include <apr_strings.h>

#define MARK        "..."
#define KIND_LEN    4 /* of tai_kind_prefix */
#define ESCAPED_MAX sizeof("\\xff")

/* A line that grows to at most max characters. */
typedef struct line_t {
    char *text;
    apr_size_t max;
    apr_size_t len;
    apr_size_t cut; /* the last end of a piece that leaves room for the mark */
} line_t;

/* Adds a piece whole, or cuts the line and returns 0. */
static int add(line_t *line, const char *piece)
{
    apr_size_t len = strlen(piece);
    int fits = line->len + len <= line->max;

    if (!fits) {
        line->len = line->cut;
        piece = MARK;
        len = strlen(MARK);
    }
    memcpy(line->text + line->len, piece, len + 1);
    line->len += len;
    if (line->len + strlen(MARK) <= line->max) {
        line->cut = line->len;
    }
    return fits;
}

static const char *escape(char c, char piece[ESCAPED_MAX])
{
    if (c < 0x20 || c > 0x7e) {
        apr_snprintf(piece, ESCAPED_MAX, "\\x%02x", (unsigned char)c);
    }
    else {
        apr_snprintf(piece, ESCAPED_MAX, c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    return piece;
}

static int begins_like_ours(const char *text)
{
    int kind = 0;

    while (kind < TAI_KIND_COUNT && strncmp(text, tai_kind_prefix(kind), KIND_LEN) != 0) {
        kind++;
    }
    return kind < TAI_KIND_COUNT;
}

/* The first byte behind what looks like a key or token of ours; NULL: it does not look like one. */
static const char *key_end(const char *text)
{
    const char *end = text + KIND_LEN;

    if (!begins_like_ours(text)) {
        return NULL;
    }
    while (tai_key_digit(*end)) {
        end++;
    }
    return end - text > TAI_KEY_PREFIX_LEN ? end : NULL;
}

const char *tai_text_line(const char *bytes, apr_size_t max, apr_pool_t *p)
{
    line_t line = {.text = apr_pcalloc(p, max + 1), .max = max};
    const char *hide = NULL; /* bytes in [hide, end) belong to the secret part of a key */
    const char *end = NULL;
    const char *c;

    for (c = bytes != NULL ? bytes : "-"; *c != '\0'; c++) {
        char piece[ESCAPED_MAX];
        const char *key = key_end(c);

        if (key != NULL) { /* also inside another one: two of them may stand back to back */
            hide = c + TAI_KEY_PREFIX_LEN;
            end = key;
        }
        if (hide != NULL && c >= hide && c < end) {
            if (c == hide && !add(&line, MARK)) {
                break;
            }
            continue;
        }
        if (!add(&line, escape(*c, piece))) {
            break;
        }
    }
    return line.text;
}

/* Jansson takes nothing else. What is ASCII needs no copy in its memory. */
int tai_text_is_utf8(const char *bytes)
{
    const unsigned char *c = (const unsigned char *)bytes;
    json_t *string;

    while (*c != '\0' && *c < 0x80) {
        c++;
    }
    if (*c == '\0') {
        return 1;
    }
    string = json_string(bytes);
    json_decref(string);
    return string != NULL;
}
