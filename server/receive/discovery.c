#include "receive/discovery.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "net/client.h"
#include "receive/scrape_http.h"

/* Puts one more label in front of each group's own, which win where they are the same. */
static int add_label(struct target_groups *g, struct str name, struct str value,
                     struct arena *arena, struct err *err)
{
    struct target_group *groups = arena_array(arena, g->n, sizeof *groups);
    for (size_t i = 0; groups && i < g->n; i++) {
        size_t n = g->v[i].n_labels;
        struct config_label *labels = arena_array(arena, n + 1, sizeof *labels);
        if (!labels)
            break;
        labels[0] = (struct config_label){name, arena_str(arena, value)};
        if (n)
            memcpy(labels + 1, g->v[i].labels, n * sizeof *labels);
        groups[i] = g->v[i];
        groups[i].labels = labels;
        groups[i].n_labels = n + 1;
    }
    if (arena_failed(arena))
        return err_set(err, ERR_NOMEM, "the list of targets is over its memory budget");
    g->v = groups;
    return 0;
}

/* ---- Files ---- */

/* Calls `visit` for each file that a pattern names now, in sorted order. */
static void each_file(const struct file_sd_config *c, void (*visit)(void *arg, const char *path),
                      void *arg)
{
    for (size_t i = 0; i < c->n_files; i++) {
        glob_t found = {0};
        if (glob(c->files[i], 0, NULL, &found) == 0)
            for (size_t j = 0; j < found.gl_pathc; j++)
                visit(arg, found.gl_pathv[j]);
        globfree(&found);
    }
}

static void stamp_file(void *arg, const char *path)
{
    uint64_t *stamp = arg;
    struct stat st;
    *stamp = hash_combine(*stamp, hash_str(str_c(path)));
    if (stat(path, &st) != 0)
        return;
    const int64_t facts[] = {(int64_t)st.st_mtim.tv_sec, (int64_t)st.st_mtim.tv_nsec,
                             (int64_t)st.st_size, (int64_t)st.st_ino};
    *stamp = hash_combine(*stamp, hash_bytes(facts, sizeof facts));
}

uint64_t discovery_files_stamp(const struct file_sd_config *config)
{
    uint64_t stamp = 1;
    each_file(config, stamp_file, &stamp);
    return stamp;
}

struct files_reader {
    size_t max_bytes;
    const struct target_groups *before;
    struct arena *arena;
    struct target_group *groups; /* of the arena */
    size_t n, cap;
    int rc; /* of the first file that failed */
    struct err *err;
};

/* Reads up to the buffer's maximum; ERR_TOO_BIG when the file is not shorter than that. */
static int read_whole(const char *path, struct buf *out, struct err *err)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_errno(err, "cannot open");
    size_t n = 1;
    while (n > 0 && out->n < out->max) {
        size_t room = MIN(out->max - out->n, 64 * 1024);
        char *to = buf_reserve(out, room);
        n = to ? fread(to, 1, room, f) : 0;
        buf_advance(out, n);
    }
    int rc = ferror(f) ? err_errno(err, "cannot read") : 0;
    (void)fclose(f); // was only read
    if (rc == 0 && out->n == out->max)
        rc = err_set(err, ERR_TOO_BIG, "%zu bytes or more", out->max);
    if (rc == 0 && buf_failed(out))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

static int parse_file(struct files_reader *r, const char *path, struct target_groups *out,
                      struct err *err)
{
    struct buf text = BUF_MAX(r->max_bytes);
    int rc = read_whole(path, &text, err);
    if (rc == 0)
        rc = str_ends(str_c(path), STR(".json"))
                 ? discovery_parse_json(buf_str(&text), r->arena, out, err)
                 : discovery_parse_yaml(buf_str(&text), r->arena, out, err);
    buf_done(&text);
    if (rc == 0)
        rc = add_label(out, STR("__meta_filepath"), str_c(path), r->arena, err);
    return rc;
}

static bool append_groups(struct files_reader *r, const struct target_groups *g)
{
    if (r->n + g->n > r->cap) {
        size_t cap = MAX(r->cap * 2, r->n + g->n);
        struct target_group *bigger = arena_grow(r->arena, r->groups, r->n, cap, sizeof *bigger);
        if (!bigger)
            return false;
        r->groups = bigger;
        r->cap = cap;
    }
    if (g->n)
        memcpy(r->groups + r->n, g->v, g->n * sizeof *g->v);
    r->n += g->n;
    return true;
}

/* The groups that this file gave the last time: their first label says so. */
static void keep_groups(struct files_reader *r, const char *path)
{
    for (size_t i = 0; i < r->before->n; i++) {
        struct target_group copy;
        if (!str_eq(r->before->v[i].labels[0].value, str_c(path)))
            continue;
        target_group_copy(r->arena, &r->before->v[i], &copy);
        if (!append_groups(r, &(struct target_groups){&copy, 1}))
            return;
    }
}

static void read_file(void *arg, const char *path)
{
    struct files_reader *r = arg;
    struct target_groups groups = {0};
    struct err err = {0};
    int rc = parse_file(r, path, &groups, &err);
    if (rc == 0 && !append_groups(r, &groups))
        rc = err_set(&err, ERR_NOMEM, "the list of targets is over its memory budget");
    if (rc == 0)
        return;
    keep_groups(r, path);
    if (r->rc == 0)
        r->rc = err_set(r->err, rc, "%s: %s", path, err.message);
}

int discovery_read_files(const struct file_sd_config *config, size_t max_bytes,
                         const struct target_groups *before, struct arena *arena,
                         struct target_groups *out, struct err *err)
{
    struct files_reader r = {.max_bytes = max_bytes, .before = before, .arena = arena, .err = err};
    each_file(config, read_file, &r);
    *out = (struct target_groups){r.groups, r.n};
    return r.rc;
}

/* ---- HTTP ---- */

int discovery_fetch(const struct http_sd_config *config, struct scrape_http *http, size_t max_bytes,
                    const atomic_bool *stop, struct arena *arena, struct target_groups *out,
                    struct err *err)
{
    char interval[80];
    (void)snprintf(interval, sizeof interval, "X-Prometheus-Refresh-Interval-Seconds: %.3f",
                   (double)config->refresh_interval_ms / 1000);
    const char *const headers[] = {"Accept: application/json", interval, NULL};
    const struct scrape_get get = {
        .url = config->url,
        .headers = headers,
        .timeout_ms = config->refresh_interval_ms,
        .max_body_bytes = max_bytes,
        .stop = stop,
    };
    struct http_answer answer = {0};
    int rc = scrape_http_get(http, &get, &answer, err);
    if (rc != 0)
        return rc;
    struct str type = str_c(answer.content_type);
    struct target_groups groups = {0};
    if (!str_eq_nocase(str_trim(str_cut(&type, ';')), STR("application/json")))
        rc = err_set(err, ERR_INVALID, "unsupported Content-Type \"%s\"; expected application/json",
                     answer.content_type);
    if (rc == 0)
        rc = discovery_parse_json(buf_str(&answer.body), arena, &groups, err);
    if (rc == 0)
        rc = add_label(&groups, STR("__meta_url"), str_c(config->url), arena, err);
    buf_done(&answer.body);
    if (rc == 0)
        *out = groups;
    return rc;
}
