#include "config/loader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/tree.h"

enum { SECRET_FILE_MAX = 64 << 10, FOUND_MAX = 60 };

size_t loader_enter(struct loader *l, struct str key)
{
    size_t mark = l->path.n;
    if (mark)
        buf_putc(&l->path, '.');
    buf_put_str(&l->path, key);
    return mark;
}

size_t loader_enter_item(struct loader *l, size_t index)
{
    size_t mark = l->path.n;
    buf_printf(&l->path, "[%zu]", index);
    return mark;
}

void loader_leave(struct loader *l, size_t mark)
{
    if (mark < l->path.n)
        l->path.n = mark;
}

static void line(struct loader *l, struct buf *out, const struct node *at, const char *message)
{
    buf_puts(out, l->source);
    if (at && at->line)
        buf_printf(out, ":%u:%u", at->line, at->column);
    buf_puts(out, ": ");
    if (l->path.n) {
        buf_put_str(out, buf_str(&l->path));
        buf_puts(out, ": ");
    }
    buf_puts(out, message);
    buf_putc(out, '\n');
}

void loader_problem(struct loader *l, const struct node *at, const char *fmt, ...)
{
    char message[ERR_MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args); // cut when too long
    va_end(args);
    if (l->n_problems++ < LOADER_PROBLEMS_MAX)
        line(l, &l->problems, at, message);
}

void loader_warning(struct loader *l, const struct node *at, const char *fmt, ...)
{
    char message[ERR_MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args); // cut when too long
    va_end(args);
    if (l->n_warnings++ < LOADER_PROBLEMS_MAX)
        line(l, &l->warnings, at, message);
}

void loader_expected(struct loader *l, const struct node *at, bool secret, const char *expected)
{
    if (at->kind == NODE_LIST)
        loader_problem(l, at, "found a list, expected %s", expected);
    else if (at->kind == NODE_MAP)
        loader_problem(l, at, "found a map, expected %s", expected);
    else if (secret)
        loader_problem(l, at, "found <secret>, expected %s", expected);
    else if (at->text.n > FOUND_MAX)
        loader_problem(l, at, "found \"%.*s…\", expected %s", FOUND_MAX, at->text.p, expected);
    else
        loader_problem(l, at, "found \"%.*s\", expected %s", STR_ARG(at->text), expected);
}

/* ---- ${…} ---- */

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.n > 0;
}

/* A secret's file, without the line end that editors add. */
static bool put_file(struct loader *l, const struct node *at, struct str path, struct buf *out)
{
    const char *name = loader_path(l, path);
    FILE *f = name ? fopen(name, "re") : NULL;
    if (!f) {
        loader_problem(l, at, "${file:%.*s}: %s", STR_ARG(path), strerror(errno));
        return false;
    }
    char *room = buf_reserve(out, SECRET_FILE_MAX + 1);
    size_t n = room ? fread(room, 1, SECRET_FILE_MAX + 1, f) : 0;
    bool good = room && !ferror(f);
    if (fclose(f) != 0 || !good || n > SECRET_FILE_MAX || memchr(room, '\0', n)) {
        loader_problem(l, at, "${file:%.*s}: expected a text of at most %d bytes", STR_ARG(path),
                       SECRET_FILE_MAX);
        return false;
    }
    while (n && (room[n - 1] == '\n' || room[n - 1] == '\r'))
        n--;
    buf_advance(out, n);
    return true;
}

/* What stands between the braces. False when it is no reference: then it stays as it is. */
static bool put_reference(struct loader *l, const struct node *at, struct str inside,
                          struct buf *out, bool *out_bad)
{
    if (str_starts(inside, STR("file:"))) {
        *out_bad = !put_file(l, at, str_sub(inside, 5, SIZE_MAX), out);
        return true;
    }
    if (!is_name(inside))
        return false;
    struct str name = arena_str(l->arena, inside);
    const char *value = name.p ? getenv(name.p) : NULL;
    if (!value) {
        loader_problem(l, at, "the environment has no variable %.*s (write $${ for a literal ${)",
                       STR_ARG(inside));
        *out_bad = true;
        return true;
    }
    buf_puts(out, value);
    return true;
}

/* Copies `text` to `out` with references replaced; `*out_hidden` when there was one. */
static bool expand(struct loader *l, const struct node *at, struct str text, struct buf *out,
                   bool *out_hidden)
{
    while (text.n) {
        size_t dollar = str_index(text, '$');
        buf_put_str(out, str_sub(text, 0, dollar));
        text = str_sub(text, dollar, SIZE_MAX);
        size_t close = str_index(text, '}');
        if (str_starts(text, STR("$${"))) {
            buf_puts(out, "${");
            text = str_sub(text, 3, SIZE_MAX);
            continue;
        }
        bool bad = false;
        if (str_starts(text, STR("${")) && close < text.n &&
            put_reference(l, at, str_sub(text, 2, close - 2), out, &bad)) {
            if (bad)
                return false;
            *out_hidden = true;
            text = str_sub(text, close + 1, SIZE_MAX);
        } else if (text.n) {
            buf_putc(out, '$');
            text = str_sub(text, 1, SIZE_MAX);
        }
    }
    return true;
}

bool loader_text(struct loader *l, const struct node *n, struct str *out, bool *out_hidden)
{
    *out_hidden = false;
    if (n->kind != NODE_SCALAR) {
        loader_expected(l, n, false, "a text");
        return false;
    }
    if (str_find(n->text, STR("${")) == n->text.n) {
        *out = n->text;
        return true;
    }
    struct buf text = BUF_MAX(TREE_BYTES_MAX);
    bool good = expand(l, n, n->text, &text, out_hidden);
    if (good && buf_failed(&text)) {
        loader_problem(l, n, "too long after replacing ${…}");
        good = false;
    }
    if (good)
        *out = arena_str(l->arena, buf_str(&text));
    buf_done(&text);
    return good;
}

void loader_hide(struct loader *l, const void *text)
{
    struct hidden *h = &l->hidden;
    if (h->n == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 16;
        const void **v = arena_grow(l->arena, h->v, h->n, cap, sizeof *v);
        if (!v)
            return; // the arena has failed: the configuration will not be used
        h->v = v;
        h->cap = cap;
    }
    h->v[h->n++] = text;
}

bool loader_is_hidden(const struct loader *l, const void *text)
{
    for (size_t i = 0; i < l->hidden.n; i++)
        if (l->hidden.v[i] == text)
            return true;
    return false;
}

const char *loader_path(struct loader *l, struct str file)
{
    if (!l->dir || !file.n || file.p[0] == '/')
        return arena_str(l->arena, file).p;
    struct buf path = BUF_MAX(4096);
    buf_printf(&path, "%s/", l->dir);
    buf_put_str(&path, file);
    const char *whole = buf_failed(&path) ? NULL : arena_str(l->arena, buf_str(&path)).p;
    buf_done(&path);
    return whole;
}
