/* An SDK that is watched, with exporters that do what a test says; and what its metrics show. */
#ifndef TELLTALE_TESTS_SUPPORT_WATCHED_SDK_H
#define TELLTALE_TESTS_SUPPORT_WATCHED_SDK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/str.h"
#include "support/check.h"
#include "telltale/prometheus_text.h"
#include "telltale/self.h"
#include "telltale/watch.h"

struct watched_sdk {
    tt_sdk sdk;
    tt_self *self;
    int outcome;             /* of every send */
    tt_export_report report; /* told by every send, if it has a type */
    void (*during)(void);    /* called by every send; may be NULL */
};

static struct watched_sdk w;

/* Has a tt_self and no providers yet. */
static void watched_new(void)
{
    w = (struct watched_sdk){.self = tt_self_new(), .sdk = {.process = getpid()}};
}

static int watched_send(void *arg, enum tt_signal signal, const void *request, size_t n,
                        size_t items, int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    if (w.report.type)
        tt_export_tell(&w.report);
    if (w.during)
        w.during();
    return w.outcome;
}

static UNUSED tt_exporter watched_exporter(enum tt_signal signal, const char *type)
{
    tt_exporter e = {.send = watched_send};
    tt_self_watch_exporter(w.self, signal, type, &e);
    return e;
}

/* What a scrape shows. Freed by the caller. */
static char *watched_text(void)
{
    tt_prometheus_options o = {.size = sizeof o, .without_scope = true, .without_target = true};
    char *text = NULL;
    size_t n;
    assert_int_equal(tt_prometheus_render_new(w.sdk.meters, &o, 1 << 20, &text, &n), TT_OK);
    return text;
}

/* The line that begins like this; NULL when there is none. */
static UNUSED NO_INLINE const char *find_line(const char *text, const char *begin)
{
    const char *at = strstr(text, begin);
    while (at && at != text && at[-1] != '\n')
        at = strstr(at + 1, begin);
    return at;
}

static UNUSED NO_INLINE bool text_has_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line)) {
        if ((at == text || at[-1] == '\n') && at[n] == '\n')
            return true;
    }
    return false;
}

/* Fails the test unless a scrape has the line; `lacks`: unless it has not the text. */
static UNUSED void shows(const char *line)
{
    char *text = watched_text();
    if (!text_has_line(text, line))
        fail_msg("no line \"%s\" in\n%s", line, text);
    free(text);
}

static UNUSED void lacks(const char *begin)
{
    char *text = watched_text();
    char *at = strstr(text, begin);
    if (at)
        fail_msg("\"%s\" in\n%s", begin, text);
    free(text);
}

/* What follows the beginning of a line. */
static UNUSED int64_t value_in(const char *text, const char *begin)
{
    const char *at = find_line(text, begin);
    struct str line = str_sub(str_c(at), strlen(begin), SIZE_MAX);
    int64_t value = -1;
    if (!at || num_parse_i64(str_cut(&line, '\n'), &value) != 0)
        fail_msg("no integer behind \"%s\" in\n%s", begin, text);
    return value;
}

static UNUSED int64_t value_of(const char *begin)
{
    char *text = watched_text();
    int64_t value = value_in(text, begin);
    free(text);
    return value;
}

#endif
