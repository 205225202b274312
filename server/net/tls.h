/* TLS of listeners (GnuTLS): TLS 1.2 and 1.3 only; files are PEM. */
#ifndef TELLTALE_NET_TLS_H
#define TELLTALE_NET_TLS_H

#include "base/err.h"

struct tls_options {
    const char *cert_file, *key_file;
    const char *client_ca_file; /* NULL: clients need no certificate */
};

/* The listener's certificates. Each connection takes the ones of the moment it began with, so a
 * reload disturbs no one. Threads: any. */
struct tls_context;

/* Reads and checks the files. ERR_IO (cannot read) or ERR_INVALID (not a certificate, key of
 * another certificate); the message names the file. */
int tls_context_new(const struct tls_options *options, struct tls_context **out, struct err *err);
void tls_context_free(struct tls_context *t);

/* Reads the files again, perhaps other ones; on failure the old certificates stay in use. */
int tls_context_reload(struct tls_context *t, const struct tls_options *options, struct err *err);

/* One connection's hold on the certificates. */
struct tls_credentials;
struct tls_credentials *tls_credentials_take(struct tls_context *t);
void tls_credentials_unref(struct tls_credentials *c); /* NULL is fine */

/* Sets up a server session before its handshake: versions, certificates, and, when there is a
 * client CA, that the handshake fails without a certificate signed by it. `c` must outlive the
 * session. 0 or ERR_IO. */
struct gnutls_session_int;
int tls_session_prepare(struct gnutls_session_int *session, const struct tls_credentials *c);

#endif
