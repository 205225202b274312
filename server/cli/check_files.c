#include "cli/check_files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "receive/scrape.h"

struct check {
    struct buf *out;
    size_t problems;
    const char *job; /* NULL: of the server */
};

static void check_file(struct check *c, const char *key, const char *path)
{
    if (!path || access(path, R_OK) == 0)
        return;
    c->problems++;
    if (c->job)
        buf_printf(c->out, "job \"%s\": ", c->job);
    buf_printf(c->out, "%s: cannot read %s: %s\n", key, path, strerror(errno));
}

static void check_client(struct check *c, const struct http_client_config *http)
{
    check_file(c, "basic_auth.username_file", http->basic_auth.username_file);
    check_file(c, "basic_auth.password_file", http->basic_auth.password_file);
    check_file(c, "authorization.credentials_file", http->authorization.credentials_file);
    check_file(c, "tls_config.ca_file", http->tls.ca_file);
    check_file(c, "tls_config.cert_file", http->tls.cert_file);
    check_file(c, "tls_config.key_file", http->tls.key_file);
}

size_t check_files(const struct config *config, struct buf *out)
{
    struct check c = {out, 0, NULL};
    check_file(&c, "http.tls.cert", config->http.tls.cert);
    check_file(&c, "http.tls.key", config->http.tls.key);
    check_file(&c, "http.tls.client_ca", config->http.tls.client_ca);
    for (size_t i = 0; i < config->n_scrape_configs; i++) {
        const struct scrape_config *s = &config->scrape_configs[i];
        c.job = s->job_name;
        check_client(&c, &s->http);
        for (size_t k = 0; k < s->n_http_sd_configs; k++)
            check_client(&c, &s->http_sd_configs[k].http);
        c.problems += scrape_check_targets(s, out);
    }
    return c.problems;
}
