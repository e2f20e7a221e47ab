#include "password.h"

#include <string.h>
#include <strings.h>
#include <apr_general.h>
#include <apr_md5.h>

#define SALT_LEN 16 /* bytes, as bcrypt wants it */

/* What is tried first, of the passwords that are long enough; in any case. */
static const char *const commonest[] = {
    "000000000000",     "0123456789ab",     "111111111111",
    "123123123123",     "123456123456",     "123456789012",
    "1234567890123",    "1q2w3e4r5t6y",     "1qaz2wsx3edc",
    "abc123abc123",     "abcdefghijkl",     "adminadmin12",
    "adminadminadmin",  "administrator",    "aaaaaaaaaaaa",
    "changeme1234",     "changemechangeme", "correcthorsebatterystaple",
    "iloveyou1234",     "letmein12345",     "letmeinletmein",
    "passwordpassword", "password1234",     "password12345",
    "password123456",   "qwerty123456",     "qwertyqwerty",
    "qwertyuiop12",     "qwertyuiop123",    "qwertyuiopasdfghjkl",
    "welcome12345",     "welcome123456",
};

const char *tai_password_check(const char *password)
{
    size_t len = strlen(password);

    if (len < TAI_PASSWORD_MIN || len > TAI_PASSWORD_MAX) {
        return "a password has 12 to 72 bytes";
    }
    for (size_t i = 0; i < sizeof(commonest) / sizeof(commonest[0]); i++) {
        if (strcasecmp(password, commonest[i]) == 0) {
            return "this password is among the first that are tried: take another";
        }
    }
    return NULL;
}

apr_status_t tai_password_hash(const char *password, char hash[TAI_PASSWORD_HASH_LEN + 1])
{
    unsigned char salt[SALT_LEN];
    apr_status_t rv = apr_generate_random_bytes(salt, sizeof(salt));

    if (rv == APR_SUCCESS) {
        rv = apr_bcrypt_encode(password, TAI_PASSWORD_COST, salt, sizeof(salt), hash,
                               TAI_PASSWORD_HASH_LEN + 1);
    }
    return rv;
}
