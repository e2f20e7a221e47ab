#include "password.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <apr_general.h>
#include <apr_lib.h>
#include <apr_md5.h>

#define SALT_LEN 16 /* bytes, as bcrypt wants it */

#define DIGITS_OF(number) #number
#define DIGITS(number)    DIGITS_OF(number)

/* bcrypt of no known password: what is compared with it is refused whatever comes of it. */
static const char nobodys[] =
    "$2y$" DIGITS(TAI_PASSWORD_COST) "$/////////////////////e///////////////////////////////";
_Static_assert(sizeof(nobodys) == TAI_PASSWORD_HASH_LEN + 1, "of the length of a hash");

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

int tai_password_usable(const char *hash)
{
    static const char base64[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    int cost;

    if (hash == NULL || strlen(hash) != TAI_PASSWORD_HASH_LEN ||
        (strncmp(hash, "$2a$", 4) != 0 && strncmp(hash, "$2y$", 4) != 0) || hash[6] != '$' ||
        !apr_isdigit(hash[4]) || !apr_isdigit(hash[5]) ||
        strspn(hash + 7, base64) != TAI_PASSWORD_HASH_LEN - 7) {
        return 0;
    }
    cost = atoi(hash + 4);
    return cost >= TAI_PASSWORD_COST_MIN && cost <= TAI_PASSWORD_COST_MAX;
}

/* bcrypt reads the first 72 bytes of a longer one, and takes as long. */
int tai_password_is(const char *password, const char *hash)
{
    const int usable = tai_password_usable(hash);
    const int matches = apr_password_validate(password, usable ? hash : nobodys) == APR_SUCCESS;

    return usable && matches && strlen(password) <= TAI_PASSWORD_MAX;
}
