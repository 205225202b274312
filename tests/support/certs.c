#include "support/certs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/time.h"
#include "support/check.h"

struct pair {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

static void write_file(const char *path, const gnutls_datum_t *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text->data, 1, text->size, f), text->size);
    assert_int_equal(fclose(f), 0);
}

static void save(const struct pair *p, const char *crt_file, const char *key_file)
{
    gnutls_datum_t text;
    assert_int_equal(gnutls_x509_crt_export2(p->crt, GNUTLS_X509_FMT_PEM, &text), 0);
    write_file(crt_file, &text);
    gnutls_free(text.data);
    if (!key_file)
        return;
    assert_int_equal(gnutls_x509_privkey_export2(p->key, GNUTLS_X509_FMT_PEM, &text), 0);
    write_file(key_file, &text);
    gnutls_free(text.data);
}

/* `purpose`: NULL for a CA. `issuer`: NULL signs itself. */
static struct pair make(const char *name, const char *purpose, const struct pair *issuer)
{
    static uint8_t serial = 1;
    static const unsigned char loopback[] = {127, 0, 0, 1};
    struct pair p;
    time_t now = (time_t)(time_now_unix_ms() / MS_PER_S);
    assert_int_equal(gnutls_x509_crt_init(&p.crt), 0);
    assert_int_equal(gnutls_x509_privkey_init(&p.key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(p.key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                                  0),
                     0);
    assert_int_equal(gnutls_x509_crt_set_version(p.crt, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(p.crt, &serial, 1), 0);
    serial++;
    assert_int_equal(gnutls_x509_crt_set_activation_time(p.crt, now - 3600), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(p.crt, now + 86400), 0);
    assert_int_equal(gnutls_x509_crt_set_dn_by_oid(p.crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                                   (unsigned)strlen(name)),
                     0);
    assert_int_equal(gnutls_x509_crt_set_key(p.crt, p.key), 0);
    assert_int_equal(gnutls_x509_crt_set_ca_status(p.crt, purpose == NULL), 0);
    unsigned usage = purpose ? GNUTLS_KEY_DIGITAL_SIGNATURE : GNUTLS_KEY_KEY_CERT_SIGN;
    assert_int_equal(gnutls_x509_crt_set_key_usage(p.crt, usage), 0);
    if (purpose) {
        assert_int_equal(gnutls_x509_crt_set_key_purpose_oid(p.crt, purpose, 0), 0);
        assert_int_equal(gnutls_x509_crt_set_subject_alt_name(p.crt, GNUTLS_SAN_DNSNAME,
                                                              "localhost", 9, GNUTLS_FSAN_SET),
                         0);
        assert_int_equal(gnutls_x509_crt_set_subject_alt_name(p.crt, GNUTLS_SAN_IPADDRESS, loopback,
                                                              4, GNUTLS_FSAN_APPEND),
                         0);
    }
    const struct pair *by = issuer ? issuer : &p;
    assert_int_equal(gnutls_x509_crt_sign2(p.crt, by->crt, by->key, GNUTLS_DIG_SHA256, 0), 0);
    return p;
}

static void pair_done(struct pair *p)
{
    gnutls_x509_crt_deinit(p->crt);
    gnutls_x509_privkey_deinit(p->key);
}

static void make_signed(const char *name, const char *purpose, const struct pair *issuer,
                        const char *crt_file, const char *key_file)
{
    struct pair p = make(name, purpose, issuer);
    save(&p, crt_file, key_file);
    pair_done(&p);
}

void certs_make(struct certs *c)
{
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/telltale-certs-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
#define IN_DIR(field, name) (void)snprintf(c->field, sizeof c->field, "%s/" name, c->dir)
    IN_DIR(ca, "ca.pem");
    IN_DIR(server, "server.pem");
    IN_DIR(server_key, "server.key");
    IN_DIR(server2, "server2.pem");
    IN_DIR(server2_key, "server2.key");
    IN_DIR(client, "client.pem");
    IN_DIR(client_key, "client.key");
    IN_DIR(stranger, "stranger.pem");
    IN_DIR(stranger_key, "stranger.key");
#undef IN_DIR
    struct pair ca = make("test CA", NULL, NULL);
    save(&ca, c->ca, NULL);
    make_signed("first", GNUTLS_KP_TLS_WWW_SERVER, &ca, c->server, c->server_key);
    make_signed("renewed", GNUTLS_KP_TLS_WWW_SERVER, &ca, c->server2, c->server2_key);
    make_signed("client", GNUTLS_KP_TLS_WWW_CLIENT, &ca, c->client, c->client_key);
    make_signed("stranger", GNUTLS_KP_TLS_WWW_CLIENT, NULL, c->stranger, c->stranger_key);
    pair_done(&ca);
}

void certs_remove(const struct certs *c)
{
    const char *const files[] = {c->ca,         c->server,      c->server_key,
                                 c->server2,    c->server2_key, c->client,
                                 c->client_key, c->stranger,    c->stranger_key};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(unlink(files[i]), 0);
    assert_int_equal(rmdir(c->dir), 0);
}
