#include "net/tls.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/atomic.h"
#include "base/lock.h"

static const char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

/* What a client's certificate must be good for. Sessions point here until their handshake is done.
 */
static unsigned char client_purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
static gnutls_typed_vdata_st client_checks[] = {
    {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = client_purpose}};

struct tls_credentials {
    struct refcount refs;
    gnutls_certificate_credentials_t gnutls;
    bool client_certificate; /* clients must show one */
};

struct tls_context {
    struct lock lock;
    struct tls_credentials *now; /* guarded by lock */
};

/* GnuTLS says "error while reading file" for all; the system knows better. */
static int check_readable(const char *what, const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "cannot open %s %s", what, path);
    (void)close(fd); // only probed
    return 0;
}

static int load_certificate(struct tls_credentials *c, const struct tls_options *o, struct err *err)
{
    int rc = check_readable("TLS certificate", o->cert_file, err);
    if (rc == 0)
        rc = check_readable("TLS key", o->key_file, err);
    if (rc != 0)
        return rc;
    int gnutls = gnutls_certificate_set_x509_key_file(c->gnutls, o->cert_file, o->key_file,
                                                      GNUTLS_X509_FMT_PEM);
    if (gnutls < 0)
        return err_set(err, ERR_INVALID, "TLS certificate %s with key %s: %s", o->cert_file,
                       o->key_file, gnutls_strerror(gnutls));
    return 0;
}

static int load_client_ca(struct tls_credentials *c, const char *path, struct err *err)
{
    int rc = check_readable("client CA", path, err);
    if (rc != 0)
        return rc;
    int n = gnutls_certificate_set_x509_trust_file(c->gnutls, path, GNUTLS_X509_FMT_PEM);
    if (n <= 0)
        return err_set(err, ERR_INVALID, "client CA %s: %s", path,
                       n == 0 ? "no certificate in it" : gnutls_strerror(n));
    c->client_certificate = true;
    return 0;
}

static int credentials_load(const struct tls_options *o, struct tls_credentials **out,
                            struct err *err)
{
    if (!o->cert_file || !o->key_file)
        return err_set(err, ERR_INVALID, "TLS needs a certificate and a key");
    struct tls_credentials *c = calloc(1, sizeof *c);
    if (!c || gnutls_certificate_allocate_credentials(&c->gnutls) != 0) {
        free(c);
        return err_set(err, ERR_NOMEM, "out of memory for TLS certificates");
    }
    refcount_init(&c->refs);
    int rc = load_certificate(c, o, err);
    if (rc == 0 && o->client_ca_file)
        rc = load_client_ca(c, o->client_ca_file, err);
    if (rc == 0)
        *out = c;
    else
        tls_credentials_unref(c);
    return rc;
}

int tls_context_new(const struct tls_options *options, struct tls_context **out, struct err *err)
{
    struct tls_context *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory for TLS");
    int rc = credentials_load(options, &t->now, err);
    if (rc != 0) {
        free(t);
        return rc;
    }
    lock_init(&t->lock, LOCK_LEAF);
    *out = t;
    return 0;
}

void tls_context_free(struct tls_context *t)
{
    if (!t)
        return;
    tls_credentials_unref(t->now);
    lock_done(&t->lock);
    free(t);
}

int tls_context_reload(struct tls_context *t, const struct tls_options *options, struct err *err)
{
    struct tls_credentials *fresh;
    int rc = credentials_load(options, &fresh, err);
    if (rc != 0)
        return rc;
    lock_take(&t->lock);
    struct tls_credentials *old = t->now;
    t->now = fresh;
    lock_give(&t->lock);
    tls_credentials_unref(old);
    return 0;
}

struct tls_credentials *tls_credentials_take(struct tls_context *t)
{
    lock_take(&t->lock);
    struct tls_credentials *c = t->now;
    refcount_get(&c->refs);
    lock_give(&t->lock);
    return c;
}

void tls_credentials_unref(struct tls_credentials *c)
{
    if (!c || !refcount_put(&c->refs))
        return;
    gnutls_certificate_free_credentials(c->gnutls);
    free(c);
}

int tls_session_prepare(gnutls_session_t session, const struct tls_credentials *c)
{
    int rc = gnutls_priority_set_direct(session, priorities, NULL);
    if (rc == 0)
        rc = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, c->gnutls);
    if (rc != 0)
        return ERR_IO;
    if (c->client_certificate) {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert2(session, client_checks, ARRAY_LEN(client_checks), 0);
    }
    return 0;
}
