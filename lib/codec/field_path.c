#include "codec/field_path.h"

#include <stdio.h>
#include <string.h>

static const char elided[] = "...";

/* The reason counts for more than the outer part of a path that is too long. */
static int put_before(struct err *err, int code, const char *prefix)
{
    if (!err)
        return code;
    size_t kept = strnlen(err->message, sizeof err->message - 1);
    size_t n = strlen(prefix), room = sizeof err->message - 1 - kept;
    if (strncmp(err->message, elided, sizeof elided - 1) == 0)
        return code;
    if (n + sizeof elided - 1 > room) {
        prefix = elided;
        n = room < sizeof elided - 1 ? room : sizeof elided - 1;
    }
    memmove(err->message + n, err->message, kept);
    memcpy(err->message, prefix, n);
    err->message[n + kept] = '\0';
    return code;
}

int err_in_field(struct err *err, int code, const char *field)
{
    char prefix[80];
    (void)snprintf(prefix, sizeof prefix, "%s.", field); // a longer name is cut
    return put_before(err, code, prefix);
}

int err_in_element(struct err *err, int code, const char *field, size_t index)
{
    char prefix[96];
    (void)snprintf(prefix, sizeof prefix, "%s[%zu].", field, index); // a longer name is cut
    return put_before(err, code, prefix);
}
