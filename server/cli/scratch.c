#include "cli/scratch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "store/store.h"

static int make_directory(struct scratch *s, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(s->dir, sizeof s->dir, "%s/telltale-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (mkdtemp(s->dir))
        return 0;
    int rc = err_errno(err, "%s: cannot be made", s->dir);
    s->dir[0] = '\0';
    return rc;
}

static int open_store(struct scratch *s, struct err *err)
{
    char data[sizeof s->dir + 8];
    (void)snprintf(data, sizeof data, "%s/data", s->dir);
    struct store_options options = {.dir = data, .retention_ms = STORE_RETENTION_FOREVER};
    int rc = store_open(&options, &s->store, err);
    return rc ? rc : store_replay(s->store, NULL, err);
}

int scratch_open(const struct query_options *options, struct scratch *out, struct err *err)
{
    int rc = make_directory(out, err);
    if (rc == 0)
        rc = open_store(out, err);
    return rc ? rc : query_engine_new(out->store, options, &out->engine, err);
}

int scratch_append(struct scratch *s, const struct batch *b, struct err *err)
{
    struct sink_result result;
    int rc = store_append(s->store, b, &result, err);
    if (rc == 0 && sink_result_rejected(&result))
        rc = err_set(err, ERR_INVALID, "%s", result.message);
    return rc;
}

/* A directory with all below it, or a file. What cannot be removed stays under $TMPDIR. */
static void remove_tree(const char *path)
{
    struct fs_names names;
    if (fs_list(fs_real(), path, &names, NULL) != 0) {
        (void)fs_remove(fs_real(), path, NULL);
        return;
    }
    for (size_t i = 0; i < names.n; i++) {
        char *below = fs_join(path, names.v[i]);
        if (below)
            remove_tree(below);
        free(below);
    }
    fs_names_done(&names);
    (void)fs_remove_dir(fs_real(), path, NULL);
}

void scratch_close(struct scratch *s)
{
    query_engine_free(s->engine);
    (void)store_close(s->store, NULL); // what it could not write is of no use any more
    if (s->dir[0])
        remove_tree(s->dir);
    *s = (struct scratch){0};
}
