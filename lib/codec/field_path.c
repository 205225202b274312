#include "codec/field_path.h"

#include <stdio.h>
#include <string.h>

static int put_before(struct err *err, int code, const char *prefix)
{
    if (!err)
        return code;
    size_t n = strlen(prefix), room = sizeof err->message - 1;
    if (n > room)
        n = room;
    size_t kept = strnlen(err->message, room - n);
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
