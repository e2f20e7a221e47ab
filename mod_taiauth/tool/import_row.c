#include "import_row.h"
#include "digest.h"
#include "key.h"
#include "scope.h"
#include "text.h"
#include "when.h"

#include <string.h>
#include <apr_escape.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define PREFIX_MAX 4 /* characters of another system's key that may be shown */
#define BASE64_LEN 44
#define HASH_BYTES (TAI_DIGEST_HEX / 2)

/* What a text in the place of a key is taken for. */
static const char *const shapes[] = {
    [TAI_SHAPE_OURS] = NULL,
    [TAI_SHAPE_IMPORTED] = NULL,
    [TAI_SHAPE_CHECKSUM] = "the key has the form of ours and a wrong checksum: mistyped, or cut",
    [TAI_SHAPE_REPEATED] = "a key holds no comma",
    [TAI_SHAPE_NONE] = "a key is 22 to 256 visible characters of ASCII, at least 32 if all of them "
                       "are hexadecimal digits",
};

static const char *decode_plain(const taictl_cells_t *cells, char hash[TAI_DIGEST_HEX + 1],
                                apr_pool_t *p, const char **prefix)
{
    const char *reason;

    if (cells->key == NULL || cells->key_hash != NULL || cells->prefix != NULL) {
        return "a row needs key, and neither key_hash nor prefix";
    }
    reason = shapes[tai_key_shape(TAI_KIND_KEY, cells->key)];
    if (reason == NULL) {
        *prefix = tai_key_prefix(cells->key, p);
        reason = tai_digest_hex(cells->key, hash) == APR_SUCCESS ? NULL : "SHA-256 failed";
    }
    return reason;
}

/* Of a hashed key the prefix is what somebody says. */
static const char *decode_prefix(const taictl_cells_t *cells, apr_pool_t *p, const char **prefix)
{
    const char *text = cells->prefix != NULL ? cells->prefix : "";
    apr_size_t len = 0, max = PREFIX_MAX;

    if (cells->key_hash == NULL || cells->key != NULL) {
        return "a row needs key_hash, and not key";
    }
    while (text[len] > ' ' && text[len] <= '~') {
        len++;
    }
    if (tai_key_prefix_shape(text) == TAI_SHAPE_OURS) {
        max = TAI_KEY_PREFIX_LEN;
    }
    *prefix = apr_pstrndup(p, text, len < max ? len : max);
    return text[len] == '\0' ? NULL : "prefix is visible characters of ASCII";
}

static const char *decode_hex(const taictl_cells_t *cells, char hash[TAI_DIGEST_HEX + 1],
                              apr_pool_t *p, const char **prefix)
{
    const char *reason = decode_prefix(cells, p, prefix);
    const char *text = reason == NULL ? cells->key_hash : "";
    apr_size_t i;

    for (i = 0; i < TAI_DIGEST_HEX && apr_isxdigit(text[i]); i++) {
        hash[i] = (char)apr_tolower(text[i]);
    }
    hash[i] = '\0';
    if (reason == NULL && (i < TAI_DIGEST_HEX || text[i] != '\0')) {
        reason = "key_hash is SHA-256 in 64 hexadecimal digits";
    }
    return reason;
}

/* Written back, bits that mean nothing would be another text. */
static const char *decode_base64(const taictl_cells_t *cells, char hash[TAI_DIGEST_HEX + 1],
                                 apr_pool_t *p, const char **prefix)
{
    unsigned char bytes[BASE64_LEN], back[BASE64_LEN + 1];
    const char *reason = decode_prefix(cells, p, prefix);

    if (reason != NULL) {
        return reason;
    }
    if (strlen(cells->key_hash) == BASE64_LEN &&
        EVP_DecodeBlock(bytes, (const unsigned char *)cells->key_hash, BASE64_LEN) ==
            HASH_BYTES + 1 &&
        EVP_EncodeBlock(back, bytes, HASH_BYTES) == BASE64_LEN &&
        memcmp(cells->key_hash, back, BASE64_LEN) == 0) {
        apr_escape_hex(hash, bytes, HASH_BYTES, 0, NULL);
        return NULL;
    }
    return "key_hash is SHA-256 in base64, 44 characters";
}

taictl_decode_fn *taictl_find_decode(const char *hashed)
{
    static const struct {
        const char *hashed;
        taictl_decode_fn *decode;
    } known[] = {{"none", decode_plain}, {"hex", decode_hex}, {"base64", decode_base64}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].hashed, hashed) == 0) {
            return known[i].decode;
        }
    }
    return NULL;
}

/* A time that a row may lack. */
static const char *decode_time(const char *text, const char *what, apr_pool_t *p,
                               apr_int64_t *seconds)
{
    const char *reason = text != NULL ? tai_when_parse(text, seconds) : NULL;

    return reason != NULL ? apr_pstrcat(p, what, ": ", reason, NULL) : NULL;
}

/* One name may not be two of them: that would be another list. */
static const char *check_scopes(const apr_array_header_t *scopes, apr_pool_t *p)
{
    for (int i = 0; scopes != NULL && i < scopes->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(scopes, i, const char *);

        if (!tai_scope_valid(scope)) {
            return apr_psprintf(p, "\"%s\" cannot be a scope", tai_text_line(scope, 100, p));
        }
    }
    return NULL;
}

void taictl_row_decode(taictl_decode_fn *decode, const taictl_cells_t *cells, apr_pool_t *p,
                       taictl_row_t *row)
{
    char *hash = apr_palloc(p, TAI_DIGEST_HEX + 1);

    row->key = (tai_import_row_t){.name = cells->name,
                                  .key_hash = hash,
                                  .scopes = cells->scopes,
                                  .rate_limit = cells->rate_limit,
                                  .created_at = TAI_NEVER,
                                  .expires_at = TAI_NEVER};
    row->reason = cells->name != NULL ? decode(cells, hash, p, &row->key.prefix) : "it has no name";
    if (cells->key != NULL) {
        OPENSSL_cleanse(cells->key, strlen(cells->key));
    }
    if (row->reason == NULL) {
        row->reason = decode_time(cells->created_at, "created_at", p, &row->key.created_at);
    }
    if (row->reason == NULL) {
        row->reason = decode_time(cells->expires_at, "expires_at", p, &row->key.expires_at);
    }
    if (row->reason == NULL) {
        row->reason = check_scopes(cells->scopes, p);
    }
}
