/* An address that other machines reach needs TLS and a credential, unless http.insecure says that
 * something else protects it.
 *
 * A start is judged by the configuration alone. A reload is not: listeners keep the address that
 * they were started on, and TLS stays on or off, while users are replaced at once. So the rule is
 * applied to what will be in force after it: addresses and TLS of the start, users of the new file.
 */
#include "config/listeners.h"

#include "config/config.h"
#include "config/loader.h"

struct exposure {
    const char *key, *address;
    bool tls, credential;
};

enum { LISTENERS = 3 };

static void addresses(const struct config *c, struct exposure out[LISTENERS])
{
    out[0] = (struct exposure){.key = "http.address", .address = c->http.address};
    out[1] = (struct exposure){.key = "otlp.http.address", .address = c->otlp.http_address};
    out[2] = (struct exposure){.key = "otlp.grpc.address", .address = c->otlp.grpc_address};
}

bool config_address_is_loopback(const char *address)
{
    struct str a = str_c(address);
    if (str_starts(a, STR("[::1]:")) || str_starts(a, STR("localhost:")))
        return true;
    /* "127.evil.example" is a name, not 127.0.0.0/8. */
    for (size_t i = 0; i < a.n && a.p[i] != ':'; i++)
        if (a.p[i] != '.' && (a.p[i] < '0' || a.p[i] > '9'))
            return false;
    return str_starts(a, STR("127."));
}

static bool is_exposed(const struct exposure *e)
{
    return e->address && !config_address_is_loopback(e->address) && !(e->tls && e->credential);
}

static const char *missing(const struct exposure *e)
{
    return e->tls          ? "a credential (auth.users or http.tls.client_ca)"
           : e->credential ? "TLS (http.tls.cert and http.tls.key)"
                           : "TLS (http.tls.cert and http.tls.key) and a credential "
                             "(auth.users or http.tls.client_ca)";
}

void listeners_check(struct loader *l, const struct config *c)
{
    struct exposure v[LISTENERS];
    addresses(c, v);
    for (size_t i = 0; i < LISTENERS; i++) {
        v[i].tls = c->http.tls.cert != NULL;
        v[i].credential = c->auth.n_users || c->http.tls.client_ca;
        if (!is_exposed(&v[i]))
            continue;
        if (c->http.insecure)
            loader_warning(l, NULL, "%s: %s is open to other machines without %s (http.insecure)",
                           v[i].key, v[i].address, v[i].tls ? "a credential" : "TLS");
        else
            loader_problem(l, NULL,
                           "%s: %s can be reached by other machines: set %s, or http.insecure: "
                           "true if something else protects it",
                           v[i].key, v[i].address, missing(&v[i]));
    }
}

int config_check_reload(const struct config *started, bool client_ca, const struct config *next,
                        struct err *err)
{
    struct exposure v[LISTENERS];
    bool tls = started->http.tls.cert != NULL;
    if (next->http.insecure)
        return 0;
    if (tls && next->http.tls.cert)
        client_ca = next->http.tls.client_ca != NULL;
    addresses(started, v);
    for (size_t i = 0; i < LISTENERS; i++) {
        v[i].tls = tls;
        v[i].credential = next->auth.n_users || (tls && client_ca);
        if (is_exposed(&v[i]))
            return err_set(err, ERR_INVALID,
                           "%s: %s stays in force until the next start, can be reached by other "
                           "machines, and would be left without %s; restart with this "
                           "configuration instead of reloading it",
                           v[i].key, v[i].address, missing(&v[i]));
    }
    return 0;
}
