/* TLS settings of a listener or client; files are PEM. */
#ifndef TELLTALE_NET_TLS_H
#define TELLTALE_NET_TLS_H

struct tls_options {
    const char *cert_file, *key_file;
    const char *client_ca_file; /* NULL: clients need no certificate */
};

#endif
