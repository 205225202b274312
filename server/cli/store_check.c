/* telltale store check: is a data directory sound? */
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "codec/json_write.h"
#include "store/inspect.h"

#define FINDINGS_MAX ((size_t)256 << 20)

/* What is found is printed as it comes, or collected for the JSON document. */
struct output {
    bool json;
    struct buf text;
    struct json list;
};

static void tell(void *arg, bool damage, const char *path, const char *what)
{
    struct output *out = arg;
    const char *kind = damage ? "damage" : "remark";
    if (!out->json) {
        (void)printf("%s: %s: %s\n", kind, path, what);
        return;
    }
    json_object(&out->list);
    json_member_str(&out->list, "kind", str_c(kind));
    json_member_str(&out->list, "file", str_c(path));
    json_member_str(&out->list, "what", str_c(what));
    json_object_end(&out->list);
}

static void put_u64(struct json *j, const char *name, uint64_t v)
{
    json_key(j, name);
    json_u64(j, v);
}

static void print_json(struct output *out, const struct store_check_totals *t)
{
    struct json j = out->list;
    json_array_end(&j);
    json_key(&j, "sound");
    json_bool(&j, t->damages == 0);
    put_u64(&j, "damages", t->damages);
    put_u64(&j, "remarks", t->remarks);
    put_u64(&j, "files", t->files);
    put_u64(&j, "bytes", t->bytes);
    put_u64(&j, "parts", t->parts);
    put_u64(&j, "streams", t->streams);
    put_u64(&j, "blocks", t->blocks);
    put_u64(&j, "rows", t->rows);
    put_u64(&j, "log_segments", t->segments);
    put_u64(&j, "log_records", t->records);
    put_u64(&j, "log_rows", t->log_rows);
    json_object_end(&j);
    buf_putc(&out->text, '\n');
    (void)fwrite(out->text.p, 1, out->text.n, stdout);
}

static void print_summary(const char *dir, const struct store_check_totals *t, int64_t took_ms)
{
    (void)printf("%s: %s\n", dir, t->damages ? "DAMAGED" : "sound");
    (void)printf("  %" PRIu64 " parts: %" PRIu64 " streams, %" PRIu64 " blocks, %" PRIu64 " rows\n",
                 t->parts, t->streams, t->blocks, t->rows);
    (void)printf("  %" PRIu64 " segments of the log: %" PRIu64 " records, %" PRIu64 " rows\n",
                 t->segments, t->records, t->log_rows);
    (void)printf(
        "  %" PRIu64 " files, %.1f MiB read in %.1f s; %" PRIu64 " damages, %" PRIu64 " remarks\n",
        t->files, (double)t->bytes / (1 << 20), (double)took_ms / 1e3, t->damages, t->remarks);
}

static int check(const char *dir, struct output *out)
{
    struct store_check_totals totals;
    struct err err = {0};
    int64_t began = time_now_mono_ns();
    out->list = json_to(&out->text);
    json_object(&out->list);
    json_key(&out->list, "findings");
    json_array(&out->list);
    int rc = store_check(NULL, dir, tell, out, &totals, &err);
    if (rc != 0) {
        (void)fprintf(stderr, "telltale: %s\n", err.message);
        return CLI_USAGE;
    }
    if (out->json)
        print_json(out, &totals);
    else
        print_summary(dir, &totals, (time_now_mono_ns() - began) / NS_PER_MS);
    return totals.damages ? CLI_FAILED : CLI_OK;
}

static int run(int argc, char **argv)
{
    struct output out = {.text = BUF_MAX(FINDINGS_MAX)};
    const char *dir = NULL;
    size_t n;
    const struct cli_option options[] = {{.name = "--json", .flag = &out.json}};
    if (!cli_options(options, ARRAY_LEN(options), argc, argv, &dir, 1, &n))
        return CLI_USAGE;
    if (n == 0) {
        (void)fputs(cli_store_check.help, stderr);
        return CLI_USAGE;
    }
    int status = check(dir, &out);
    buf_done(&out.text);
    return status;
}

const struct cli_command cli_store_check = {
    .name = "store check",
    .summary = "is a data directory sound?",
    .help = "Usage: telltale store check [--json] DIR\n"
            "\n"
            "Reads everything in a data directory or a snapshot: every checksum, every block,\n"
            "every record of the log, and whether indexes, counts and times say the same. It\n"
            "changes nothing. Remarks are what needs no action, such as the end of the log\n"
            "after a crash.\n"
            "\n"
            "A directory that a server has open changes all the time, and is refused: make a\n"
            "snapshot (POST /api/v1/admin/tsdb/snapshot) and check that.\n"
            "\n"
            "  --json  one JSON document instead of lines\n"
            "\n"
            "Exit status: 0 sound, 1 damaged, 2 wrong usage or it could not be checked.\n"
            "\n"
            "  telltale store check /var/lib/telltale/snapshots/20260101T000000Z-5f0e\n",
    .run = run,
};
