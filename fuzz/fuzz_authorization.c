/* The Authorization header: only the right credentials open the door, and the quick check says the
 * same as the full one. */
#include <stdint.h>
#include <stdlib.h>

#include "net/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "secret"; "ann" with "pass", by a bcrypt of the lowest cost. */
static const struct auth_user users[] = {
    {NULL, NULL, "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", AUTH_INGEST},
    {"ann", "$2b$04$abcdefghijklmnopqrstuufznL8bkzdtHwLhca4To/v9Lo9bA7fR6", NULL, AUTH_ADMIN},
};

static bool ends_with_a_secret(struct str header)
{
    header = str_trim(header);
    return str_ends(header, STR("secret")) || str_ends(header, STR("YW5uOnBhc3M=")) ||
           str_ends(header, STR("YW5uOnBhc3M"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct auth *auth;
    struct str header = {(const char *)data, size};
    if (!auth && auth_new(users, 2, &auth, NULL) != 0)
        abort();
    enum auth_result fast = auth_check_fast(auth, header, AUTH_INGEST);
    enum auth_result full = auth_check(auth, header, AUTH_INGEST);
    if (fast != AUTH_SLOW && fast != full)
        abort();
    if (full == AUTH_OK && !ends_with_a_secret(header))
        abort();
    return 0;
}
