/* The configuration: what is accepted writes itself as YAML that is accepted, too, and writes
 * itself the same. Files that ${file:…} names are not ours to read, so such inputs are left out. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static bool contains(struct str s, const char *word)
{
    return str_find(s, str_c(word)) < s.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    if (contains(text, "file:"))
        return 0;
    struct config *c = NULL, *again = NULL;
    struct buf problems = BUF_MAX(1 << 20);
    struct err err = {0};
    const struct config_source source = {.file = "fuzz.yml", .text = {text.p ? text.p : "", size}};
    int rc = config_load(&source, &c, &problems, &err);
    CHECK(rc == 0 ? problems.n == 0 : err.message[0] && !c);
    buf_done(&problems);
    if (rc == 0 && !contains(str_c(c->yaml), "<secret>") && !contains(str_c(c->yaml), "${")) {
        const struct config_source itself = {.file = "fuzz.yml", .text = str_c(c->yaml)};
        CHECK(config_load(&itself, &again, NULL, &err) == 0);
        CHECK(str_eq(str_c(c->yaml), str_c(again->yaml)));
        struct buf keys = BUF_MAX(1 << 20);
        config_restart_keys(c, again, &keys);
        CHECK(keys.n == 0);
        buf_done(&keys);
    }
    config_free(c);
    config_free(again);
    return 0;
}
