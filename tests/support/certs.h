/* Certificates for tests, made afresh in a directory of their own. */
#ifndef TELLTALE_TESTS_SUPPORT_CERTS_H
#define TELLTALE_TESTS_SUPPORT_CERTS_H

struct certs {
    char dir[64];
    char ca[96];                       /* signs server and client */
    char server[96], server_key[96];   /* for localhost and 127.0.0.1 */
    char server2[96], server2_key[96]; /* the same with another name: "renewed" */
    char client[96], client_key[96];
    char stranger[96], stranger_key[96]; /* signed by nobody known */
};

void certs_make(struct certs *c);
void certs_remove(const struct certs *c);

#endif
