/* Tokens are long and random, so their plain SHA-256 may stand in a file. Passwords are neither:
 * they are kept as crypt(3) hashes, which are slow on purpose. A right password is remembered as
 * HMAC-SHA-256 of the header under a key that lives as long as the process. */
#define _GNU_SOURCE // crypt_r, explicit_bzero
#include "net/auth.h"

#include <crypt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/buf.h"
#include "base/lock.h"
#include "base/time.h"
#include "log/log.h"
#include "net/address.h"
#include "self/self.h"

enum { DIGEST = 32, REMEMBERED = 256, REMEMBER_S = 60, HEADER_MAX = 4096 };

struct user {
    char *name, *password_hash; /* owned; NULL for a token */
    uint8_t token[DIGEST];
    unsigned rights;
};

struct remembered {
    uint8_t digest[DIGEST]; /* of the whole header, keyed */
    int64_t until_mono_ns;
    unsigned rights;
};

struct auth {
    struct lock lock; /* guards all below but slow */
    struct user *users;
    size_t n;
    struct remembered remembered[REMEMBERED];
    uint8_t key[DIGEST];
    struct lock slow; /* held while a slow hash is computed */
};

static struct self_metric refused =
    SELF_COUNTER("telltale_auth_refused_total", "Requests refused for their credential.", "reason");

/* --- users ------------------------------------------------------------------------------------ */

static void users_free(struct user *users, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(users[i].name);
        free(users[i].password_hash);
    }
    free(users);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_digest(const char *hex, uint8_t out[DIGEST])
{
    if (strlen(hex) != DIGEST * 2)
        return false;
    for (size_t i = 0; i < DIGEST; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int user_init(struct user *u, const struct auth_user *from, size_t i, struct err *err)
{
    u->rights = from->rights & AUTH_ADMIN ? AUTH_READ | AUTH_INGEST | AUTH_ADMIN : from->rights;
    if (from->token_sha256) {
        if (!parse_digest(from->token_sha256, u->token))
            return err_set(err, ERR_INVALID,
                           "auth.users[%zu].token_sha256: expected 64 hexadecimal digits", i);
        return 0;
    }
    if (!from->name || !from->password_hash)
        return err_set(err, ERR_INVALID,
                       "auth.users[%zu]: expected name and password_hash, or token_sha256", i);
    int check = crypt_checksalt(from->password_hash);
    if (from->password_hash[0] != '$' || check == CRYPT_SALT_INVALID ||
        check == CRYPT_SALT_METHOD_DISABLED)
        return err_set(err, ERR_INVALID,
                       "auth.users[%zu] (%s).password_hash: not a hash; make one with "
                       "\"mkpasswd -m bcrypt\" or \"htpasswd -nB\"",
                       i, from->name);
    u->name = str_dup(str_c(from->name));
    u->password_hash = str_dup(str_c(from->password_hash));
    return u->name && u->password_hash ? 0 : err_set(err, ERR_NOMEM, "out of memory for users");
}

static int users_copy(const struct auth_user *from, size_t n, struct user **out, struct err *err)
{
    struct user *users = calloc(n + 1, sizeof *users);
    int rc = users ? 0 : err_set(err, ERR_NOMEM, "out of memory for users");
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = user_init(&users[i], &from[i], i, err);
    if (rc == 0)
        *out = users;
    else if (users)
        users_free(users, n);
    return rc;
}

int auth_new(const struct auth_user *users, size_t n, struct auth **out, struct err *err)
{
    struct auth *a = calloc(1, sizeof *a);
    if (!a)
        return err_set(err, ERR_NOMEM, "out of memory for users");
    lock_init(&a->lock, LOCK_AUTH);
    lock_init(&a->slow, LOCK_AUTH_HASH);
    int rc = users_copy(users, n, &a->users, err);
    if (rc == 0 && gnutls_rnd(GNUTLS_RND_KEY, a->key, sizeof a->key) != 0)
        rc = err_set(err, ERR_IO, "no random numbers from the system");
    if (rc != 0) {
        auth_free(a);
        return rc;
    }
    a->n = n;
    *out = a;
    return 0;
}

void auth_free(struct auth *a)
{
    if (!a)
        return;
    if (a->users)
        users_free(a->users, a->n);
    lock_done(&a->lock);
    lock_done(&a->slow);
    free(a);
}

int auth_replace(struct auth *a, const struct auth_user *users, size_t n, struct err *err)
{
    struct user *fresh;
    int rc = users_copy(users, n, &fresh, err);
    if (rc != 0)
        return rc;
    lock_take(&a->lock);
    struct user *old = a->users;
    size_t n_old = a->n;
    a->users = fresh;
    a->n = n;
    memset(a->remembered, 0, sizeof a->remembered);
    lock_give(&a->lock);
    users_free(old, n_old);
    return 0;
}

/* --- remembering ------------------------------------------------------------------------------ */

static bool header_digest(struct auth *a, struct str header, uint8_t out[DIGEST])
{
    return gnutls_hmac_fast(GNUTLS_MAC_SHA256, a->key, sizeof a->key, header.p, header.n, out) == 0;
}

static struct remembered *remembered_slot(struct auth *a, const uint8_t digest[DIGEST])
{
    return &a->remembered[(digest[0] | digest[1] << 8) % REMEMBERED];
}

/* The rights of a header that was right within the last minute; -1 otherwise. */
static int recall(struct auth *a, struct str header)
{
    uint8_t digest[DIGEST];
    int rights = -1;
    if (!header_digest(a, header, digest))
        return -1;
    lock_take(&a->lock);
    const struct remembered *r = remembered_slot(a, digest);
    if (r->until_mono_ns > time_now_mono_ns() && gnutls_memcmp(r->digest, digest, DIGEST) == 0)
        rights = (int)r->rights;
    lock_give(&a->lock);
    return rights;
}

static void remember(struct auth *a, struct str header, unsigned rights)
{
    struct remembered r = {.until_mono_ns = time_now_mono_ns() + REMEMBER_S * NS_PER_S,
                           .rights = rights};
    if (!header_digest(a, header, r.digest))
        return;
    lock_take(&a->lock);
    *remembered_slot(a, r.digest) = r;
    lock_give(&a->lock);
}

/* --- checking --------------------------------------------------------------------------------- */

/* The rights of a bearer token; -1 when unknown. All tokens are compared, whatever matched. */
static int token_rights(struct auth *a, struct str token)
{
    uint8_t digest[DIGEST];
    int rights = -1;
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, token.p, token.n, digest) != 0)
        return -1;
    lock_take(&a->lock);
    for (size_t i = 0; i < a->n; i++)
        if (!a->users[i].name && gnutls_memcmp(a->users[i].token, digest, DIGEST) == 0)
            rights = (int)a->users[i].rights;
    lock_give(&a->lock);
    return rights;
}

/* GnuTLS passes over what is not base64. */
static bool is_base64(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(c >= '0' && c <= '9') && c != '+' && c != '/' && c != '=')
            return false;
    }
    return text.n > 0;
}

/* "name:password" out of base64; false when it is none. The caller wipes `out`. */
static bool decode_basic(struct str base64, char out[HEADER_MAX], struct str *name,
                         struct str *password)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)base64.p, (unsigned)base64.n};
    gnutls_datum_t text = {0};
    if (!is_base64(base64) || gnutls_base64_decode2(&in, &text) != 0)
        return false;
    bool fits = text.size < HEADER_MAX;
    if (fits) {
        memcpy(out, text.data, text.size);
        out[text.size] = '\0';
    }
    explicit_bzero(text.data, text.size);
    gnutls_free(text.data);
    struct str rest = {out, fits ? text.size : 0};
    *name = str_cut(&rest, ':');
    *password = rest;
    return fits && rest.p && !memchr(rest.p, '\0', rest.n);
}

/* A copy of the user's hash, so that the slow work holds no lock on the users. An unknown name gets
 * some hash too: the time taken must not tell which names exist. */
static char *hash_of(struct auth *a, struct str name, unsigned *rights, bool *known)
{
    const char *hash = NULL;
    char *copy = NULL;
    lock_take(&a->lock);
    *known = false;
    for (size_t i = 0; i < a->n; i++) {
        if (!a->users[i].name)
            continue;
        bool same = str_eq(str_c(a->users[i].name), name);
        if (same || !hash)
            hash = a->users[i].password_hash;
        if (same) {
            *known = true;
            *rights = a->users[i].rights;
            break;
        }
    }
    copy = hash ? str_dup(str_c(hash)) : NULL;
    lock_give(&a->lock);
    return copy;
}

/* `password` is NUL-terminated behind its end (see decode_basic). */
static int password_rights(struct auth *a, struct str name, struct str password)
{
    unsigned rights = 0;
    bool known, right = false;
    char *hash = hash_of(a, name, &rights, &known);
    struct crypt_data *data = hash ? calloc(1, sizeof *data) : NULL;
    if (data) {
        lock_take(&a->slow);
        const char *made = crypt_r(password.p, hash, data);
        lock_give(&a->slow);
        size_t n = strlen(hash);
        right = made && strlen(made) == n && gnutls_memcmp(made, hash, n) == 0;
        explicit_bzero(data, sizeof *data);
    }
    free(data);
    free(hash);
    return known && right ? (int)rights : -1;
}

static int basic_rights(struct auth *a, struct str header, struct str base64)
{
    char text[HEADER_MAX];
    struct str name, password;
    int rights = -1;
    if (decode_basic(base64, text, &name, &password))
        rights = password_rights(a, name, password);
    explicit_bzero(text, sizeof text);
    if (rights >= 0)
        remember(a, header, (unsigned)rights);
    return rights;
}

static bool scheme(struct str header, struct str name, struct str *rest)
{
    if (header.n <= name.n || !str_eq_nocase(str_sub(header, 0, name.n), name) ||
        header.p[name.n] != ' ')
        return false;
    *rest = str_trim(str_sub(header, name.n, header.n));
    return true;
}

static bool open_to_all(struct auth *a)
{
    lock_take(&a->lock);
    bool open = a->n == 0;
    lock_give(&a->lock);
    return open;
}

static enum auth_result check(struct auth *a, struct str header, enum auth_right right, bool fast)
{
    struct str rest;
    int rights = -1;
    if (right == AUTH_NONE || open_to_all(a))
        return AUTH_OK;
    if (header.n == 0)
        return AUTH_MISSING;
    if (header.n > HEADER_MAX)
        return AUTH_WRONG;
    if (scheme(header, STR("Bearer"), &rest)) {
        rights = token_rights(a, rest);
    } else if (scheme(header, STR("Basic"), &rest)) {
        rights = recall(a, header);
        if (rights < 0 && fast)
            return AUTH_SLOW;
        if (rights < 0)
            rights = basic_rights(a, header, rest);
    }
    if (rights < 0)
        return AUTH_WRONG;
    return rights & (int)right ? AUTH_OK : AUTH_FORBIDDEN;
}

static enum auth_result counted(enum auth_result r)
{
    static const char *const reasons[] = {
        [AUTH_MISSING] = "missing", [AUTH_WRONG] = "wrong", [AUTH_FORBIDDEN] = "forbidden"};
    if (r != AUTH_OK && r != AUTH_SLOW)
        self_add(&refused, 1, reasons[r]);
    return r;
}

enum auth_result auth_check(struct auth *a, struct str authorization, enum auth_right right)
{
    return counted(check(a, authorization, right, false));
}

enum auth_result auth_check_fast(struct auth *a, struct str authorization, enum auth_right right)
{
    return counted(check(a, authorization, right, true));
}

void auth_log_wrong(const char *listener, int fd)
{
    char peer[ADDRESS_TEXT_MAX];
    address_of_peer(fd, peer);
    log_warn("net", "a request came with a wrong credential", LOG_STR("listener", listener),
             LOG_STR("peer", peer));
}

const char *auth_forbidden_message(enum auth_right right)
{
    switch (right) {
    case AUTH_READ: return "this credential does not have the right read, which this needs";
    case AUTH_INGEST: return "this credential does not have the right ingest, which this needs";
    case AUTH_ADMIN: return "this credential does not have the right admin, which this needs";
    case AUTH_NONE: break;
    }
    return "this credential is not enough";
}
