/* Asking a running server: the options that say which one, its API, its errors. */
#ifndef TELLTALE_CLI_REMOTE_H
#define TELLTALE_CLI_REMOTE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/options.h"
#include "net/client.h"

struct remote {
    const char *url, *token, *user, *ca_file, *cert_file, *key_file;
};

#define REMOTE_DEFAULT                                                                             \
    {                                                                                              \
        .url = "http://127.0.0.1:9090"                                                             \
    }

/* Rows of a table of options. */
#define REMOTE_OPTIONS(r)                                                                          \
    {.name = "--url", .value = &(r)->url}, {.name = "--token", .value = &(r)->token},              \
        {.name = "--user", .value = &(r)->user}, {.name = "--ca", .value = &(r)->ca_file},         \
        {.name = "--cert", .value = &(r)->cert_file},                                              \
    {                                                                                              \
        .name = "--key", .value = &(r)->key_file                                                   \
    }

#define REMOTE_HELP                                                                                \
    "  --url URL       the server (http://127.0.0.1:9090)\n"                                       \
    "  --token TOKEN   a bearer token\n"                                                           \
    "  --user NAME:PW  basic authentication\n"                                                     \
    "  --ca FILE       trust certificates of this CA\n"                                            \
    "  --cert FILE     show the server this certificate (PEM)\n"                                   \
    "  --key FILE      the certificate's private key (PEM)\n"

/* Appends "name=value" to a form or query, escaped; nothing for a NULL value. */
void remote_param(struct buf *form, const char *name, const char *value);

/* "1h" before now as Unix seconds, or a time as the server takes it: `text` itself. */
const char *remote_time(const char *text, char room[32]);

/* POSTs the form to `path`. *out: call buf_done on its body. */
int remote_post(const struct remote *r, const char *path, const struct buf *form,
                struct http_answer *out, struct err *err);

/* GETs path?form, the body bit by bit. */
int remote_stream(const struct remote *r, const char *path, const struct buf *form,
                  bool (*take)(void *self, struct str bytes), void *self, struct http_answer *out,
                  struct err *err);

/* A server's JSON (a new reference), or NULL when it is none. A name that has a zero byte is read
 * with "\\x00" in its place, for jansson takes none. */
json_t *remote_json(struct str body);

/* The "data" of an answer (a new reference in *out), or the server's error with its status. */
int remote_data(const struct http_answer *answer, json_t **out, struct err *err);

/* A string with the zero bytes it may have; p NULL when `v` is none. Borrowed from `v`. */
static inline struct str remote_text(const json_t *v)
{
    const char *text = json_string_value(v);
    return text ? str_of(text, json_string_length(v)) : (struct str){0};
}

/* POSTs; the data as an object, or with `json` the answer printed. CLI_OK, or CLI_FAILED with a
 * message on stderr; *out NULL when it was printed. */
int remote_ask(const struct remote *r, const char *path, const struct buf *form, bool json,
               json_t **out);

#endif
