#include "store_private.h"
#include "key.h"
#include "store_usage.h"
#include "when.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#define ID_DIGITS 22                 /* base62: 131 bits */
#define DAY       APR_INT64_C(86400) /* seconds */

const char *tai_store_counter(const apr_array_header_t *before, const apr_array_header_t *rows)
{
    const apr_array_header_t *from = before->nelts ? before : rows;

    return from->nelts ? APR_ARRAY_IDX(from, 0, tai_row_t)[0] : NULL;
}

tai_change_e tai_store_read_counter(const apr_array_header_t *rows, apr_pool_t *p, apr_int64_t *seq,
                                    const char **text)
{
    *seq = rows->nelts ? tai_store_seconds(APR_ARRAY_IDX(rows, 0, tai_row_t)[0]) : TAI_MALFORMED;
    if (*seq >= 0) {
        return TAI_CHANGE_DONE;
    }
    *text = apr_pstrdup(p, "the database is damaged: change_counter holds no number");
    return TAI_CHANGE_UNKNOWN;
}

/* Digits alone, and few enough for 64 bits: a negative time must not be taken for TAI_NEVER. */
apr_int64_t tai_store_seconds(const char *text)
{
    apr_size_t digits;

    if (text == NULL) {
        return TAI_NEVER;
    }
    digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != '\0') {
        return TAI_MALFORMED;
    }
    return apr_atoi64(text);
}

const char *tai_store_number(apr_int64_t number, apr_pool_t *p)
{
    return apr_psprintf(p, "%" APR_INT64_T_FMT, number);
}

const char *tai_store_day(apr_int64_t seconds, apr_pool_t *p)
{
    char text[TAI_WHEN_LEN + 1];

    tai_when_text(seconds, text);
    return apr_pstrmemdup(p, text, strlen("2026-01-31"));
}

const char *tai_store_first_day(apr_int64_t now, apr_pool_t *p)
{
    return tai_store_day(now - (TAI_USAGE_DAYS - 1) * DAY, p);
}

/* Words that say less than active; what is not known says the least. */
tai_standing_e tai_store_standing(const char *status)
{
    static const struct {
        const char *status;
        tai_standing_e standing;
    } known[] = {
        {"active", TAI_STANDING_ACTIVE},
        {"suspended", TAI_STANDING_SUSPENDED},
        {"disabled", TAI_STANDING_SUSPENDED},
    };
    apr_size_t i;

    for (i = 0; status && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(status, known[i].status) == 0) {
            return known[i].standing;
        }
    }
    return TAI_STANDING_CLOSED;
}

/* The random digits of a key that nobody gets: they are drawn without a bias. */
apr_status_t tai_store_new_id(const char *prefix, apr_pool_t *p, const char **id, const char **text)
{
    char key[TAI_KEY_LEN + 1];
    char reason[256];
    apr_status_t rv = tai_key_generate(TAI_KIND_KEY, key);

    if (rv != APR_SUCCESS) {
        *text = apr_psprintf(p, "no random bytes: %s", apr_strerror(rv, reason, sizeof(reason)));
        return rv;
    }
    *id = apr_psprintf(p, "%s%.*s", prefix, ID_DIGITS, key + strlen("tai_"));
    OPENSSL_cleanse(key, sizeof(key));
    return APR_SUCCESS;
}
