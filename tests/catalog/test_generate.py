"""What the generator writes."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import emit_c
import emit_docs
from model import Catalog, load
from test_model import SET

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = "docs/reference/metrics.md"

END = """\
static void work_end_one(tt_catalog *c, const tt_work *o)
{
    struct attrs a;
    a.n = 0;
    put_string(&a, KEY("kind"), o->kind);
    tt_counter_add(c->at[M_ONE_A_CALLS].counter, 1, a.list, a.n);
    a.n = 0;
    put_string(&a, KEY("kind"), o->kind);
    put_string(&a, KEY("status"), o->error_type ? "error" : "success");
    tt_histogram_record(c->at[M_ONE_A_DURATION].histogram, operation_seconds(&o->op), a.list, a.n);
}

void tt_work_end(tt_work *o)
{
    tt_catalog *c = o ? operation_end(&o->op) : NULL;
    if (!c)
        return;
    struct attrs a;
    a.n = 0;
    operation_finish_span(&o->op, &a, o->error_type, o->error_message);
    if (c->sets & TT_SET_ONE)
        work_end_one(c, o);
    operation_leave(&o->op);
}
"""

STRUCT = """\
/* Some work. */
typedef struct tt_work {
    size_t size;     /* sizeof(tt_work) */
    tt_operation op;
    /* told to _begin: */
    const char *kind; /* what */
    bool detached;    /* not the thread's current span; may end in another thread */
    /* told before _end: */
    int64_t amount;            /* how much */
    const char *error_type;    /* class of the error; NULL: success */
    const char *error_message; /* of the span's status */
} tt_work;
"""


class Writing(unittest.TestCase):
    def setUp(self):
        self.catalog = Catalog([("one.yml", SET)])

    def test_an_operation_reads_like_ours(self):
        self.assertIn(END, emit_c.operations_source(self.catalog))
        self.assertIn(STRUCT, emit_c.header(self.catalog))

    def test_metrics_and_scopes_become_tables(self):
        text = emit_c.metrics_source(self.catalog)
        self.assertIn("m_one_a_duration_bounds[] = {1, 2, 4};", text)
        self.assertIn('{"a.duration", "s", "Time", m_one_a_duration_bounds, 3, METRIC_HISTOGRAM, 3},', text)
        self.assertIn('[3] = {.name = "one"},', text)

    def test_long_lines_are_broken_after_commas(self):
        for line in emit_c.header(load(ROOT / "catalog")).split("\n"):
            self.assertLessEqual(len(line), 100, line)

    def test_text_is_quoted_for_c(self):
        self.assertEqual(emit_c.quoted('a "b" \\'), '"a \\"b\\" \\\\"')

    def test_names_are_prometheus_names(self):
        names = {m.name: emit_docs.prometheus_name(m) for m in load(ROOT / "catalog").metrics.values()}
        self.assertEqual(names["codeagent.requests.total"], "codeagent_requests_total")
        self.assertEqual(names["agent_tokens_used"], "agent_tokens_used_total")
        self.assertEqual(names["llm_api_duration_seconds"], "llm_api_duration_seconds")
        self.assertEqual(names["escalation.response.time"], "escalation_response_time_milliseconds")
        self.assertEqual(names["active_teams_total"], "active_teams_total")


class Files(unittest.TestCase):
    def test_the_reference_page_is_up_to_date(self):
        expected = emit_docs.page(load(ROOT / "catalog"))
        if (ROOT / DOCS).read_text(encoding="utf-8") != expected:
            self.fail(f"{DOCS} is not up to date: run catalog/generate.py --docs catalog >{DOCS}")

    def run_generator(self, *arguments):
        command = [sys.executable, ROOT / "catalog/generate.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_a_bad_catalog_is_told_and_nothing_is_written(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "one.yml").write_text(SET.replace("type: counter", "type: conter"), encoding="utf-8")
            outputs = [Path(folder, name) for name in ("a.h", "b.c", "c.c")]
            done = self.run_generator(folder, *outputs)
            self.assertEqual(done.returncode, 1)
            self.assertTrue(done.stderr.startswith("catalog: one.yml:7: type: 'conter'"), done.stderr)
            self.assertFalse(any(path.exists() for path in outputs))

    def test_the_same_catalog_gives_the_same_bytes(self):
        first, second = (emit_c.operations_source(load(ROOT / "catalog")) for _ in range(2))
        self.assertEqual(first, second)

    def test_the_header_compiles_as_c11_and_as_cpp(self):
        program = """\
#include "telltale/catalog.h"
#include "telltale/track.h"
int use(tt_catalog *catalog)
{
    TT_LLM_CALL(call, catalog, .provider = "p", .model = "m");
    TT_TOOL_CALL(tool, catalog);
    call.input_tokens = 1;
    return tool.error_type ? 1 : 0;
}
"""
        compilers = {"cc": ["-std=c11", "-x", "c"], "c++": ["-std=c++20", "-x", "c++"]}
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "telltale").mkdir()
            outputs = [Path(folder, name) for name in ("telltale/catalog.h", "b.c", "c.c")]
            self.assertEqual(self.run_generator(ROOT / "catalog", *outputs).returncode, 0)
            for compiler, flags in compilers.items():
                if not shutil.which(compiler):
                    continue
                command = [compiler, *flags, "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
                command += [f"-I{folder}", f"-I{ROOT / 'sdk/include'}", "-"]
                done = subprocess.run(command, input=program, capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_usage_is_told(self):
        self.assertEqual(self.run_generator().returncode, 2)
