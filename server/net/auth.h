/* Who may do what: bearer tokens and basic auth with rights. */
#ifndef TELLTALE_NET_AUTH_H
#define TELLTALE_NET_AUTH_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* A route demands one right. AUTH_NONE routes are open to all. */
enum auth_right {
    AUTH_NONE = 0,
    AUTH_READ = 1 << 0,
    AUTH_INGEST = 1 << 1,
    AUTH_ADMIN = 1 << 2, /* has the other two as well */
};

struct auth_user {
    const char *name;          /* basic auth; NULL for a token */
    const char *password_hash; /* crypt(3): bcrypt "$2…", yescrypt "$y$…", sha512 "$6$…" */
    const char *token_sha256;  /* 64 hexadecimal digits, for a bearer token */
    unsigned rights;           /* of enum auth_right */
};

struct auth;

/* Copies the users. ERR_INVALID names the user whose hash is not one. n == 0: everybody may do
 * everything. */
int auth_new(const struct auth_user *users, size_t n, struct auth **out, struct err *err);
void auth_free(struct auth *a);

/* Replaces the users of a running server (reload); all or nothing. */
int auth_replace(struct auth *a, const struct auth_user *users, size_t n, struct err *err);

enum auth_result {
    AUTH_OK,
    AUTH_MISSING,   /* no credential: 401 */
    AUTH_WRONG,     /* not one we know: 401 */
    AUTH_FORBIDDEN, /* known, without the right: 403 */
    AUTH_SLOW       /* only from auth_check_fast: ask auth_check on a thread that may wait */
};

/* `authorization`: the header's value, may be empty. Comparisons take constant time. A password
 * that was right is remembered for a minute under a keyed hash, so its slow hash is paid once; slow
 * hashes are computed one at a time, so guessing cannot take all cores. Threads: any. */
enum auth_result auth_check(struct auth *a, struct str authorization, enum auth_right right);

/* The same without ever computing a slow hash: AUTH_SLOW when one is needed. */
enum auth_result auth_check_fast(struct auth *a, struct str authorization, enum auth_right right);

/* Tells the log of AUTH_WRONG, with the address at the other end of the socket. */
void auth_log_wrong(const char *listener, int fd);

/* What a credential that lacks the right is told; static text. */
const char *auth_forbidden_message(enum auth_right right);

#endif
