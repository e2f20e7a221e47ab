#include "slots.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>

unsigned tai_redis_slot(const char *tag, apr_size_t len)
{
    unsigned crc = 0;
    apr_size_t i;
    int bit;

    for (i = 0; i < len; i++) {
        crc ^= (unsigned)(unsigned char)tag[i] << 8;
        for (bit = 0; bit < 8; bit++) {
            crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
        }
    }
    return (crc & 0xffff) % TAI_REDIS_SLOTS;
}

/* Up to most; sets where it ends. @return 0: no such number */
static int parse_number(const char *text, unsigned long most, unsigned long *number, char **end)
{
    if (*text < '0' || *text > '9') {
        return 0;
    }
    *number = strtoul(text, end, 10);
    return *number <= most;
}

int tai_redis_redirect_parse(const char *error, tai_redis_redirect_t *redirect, apr_pool_t *p)
{
    const char *slot, *host, *colon;
    unsigned long number;
    char *end;

    if (strncmp(error, "MOVED ", 6) != 0 && strncmp(error, "ASK ", 4) != 0) {
        return 0;
    }
    redirect->ask = *error == 'A';
    slot = strchr(error, ' ') + 1;
    if (!parse_number(slot, TAI_REDIS_SLOTS - 1, &number, &end) || *end != ' ') {
        return 0;
    }
    redirect->slot = (unsigned)number;
    host = end + 1;
    colon = strrchr(host, ':'); /* an IPv6 address has others */
    if (colon == NULL || colon - host > 255 || !parse_number(colon + 1, 65535, &number, &end) ||
        *end != '\0' || number == 0) {
        return 0;
    }
    redirect->host = strncmp(host, "?:", 2) == 0 ? "" : apr_pstrmemdup(p, host, colon - host);
    redirect->port = (apr_port_t)number;
    return 1;
}
