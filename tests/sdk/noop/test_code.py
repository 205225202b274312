#!/usr/bin/env python3
"""What the compiler leaves of calls with the headers that do nothing: nothing.

    test_code.py CC NOOP_INCLUDE      prints TAP
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

CALLS = {
    "a counter": "tt_attr a[] = {tt_str(\"k\", text), tt_int(\"n\", n)}; tt_counter_add((tt_counter *)handle, n, a, 2);",
    "a bound counter": "tt_bound_counter_add((tt_bound_counter *)handle, n);",
    "a histogram": "tt_histogram_record((tt_histogram *)handle, (double)n, NULL, 0);",
    "a span": "tt_span s = tt_span_start((tt_tracer *)handle, text, NULL); tt_attr a[] = {tt_int(\"n\", n)};"
    " tt_span_set(s, a, 1); tt_span_end(s);",
    "a span of a block": "TT_SPAN(s, (tt_tracer *)handle, text);",
    "a log record": "tt_log((tt_logger *)handle, TT_SEVERITY_ERROR, text, NULL, 0);",
    "a formatted log record": "tt_logf((tt_logger *)handle, TT_SEVERITY_ERROR, \"%s %d\", text, n);",
    "a call of a model": "tt_llm_call c = {.model = text}; tt_llm_call_begin((tt_catalog *)handle, &c);"
    " tt_llm_call_end(&c); tt_llm_call_track((tt_catalog *)handle, &c, n);",
    "the start and the end": "tt_init(NULL); tt_flush(n); tt_shutdown(n);",
}


def code(compiler, include, body):
    """The instructions of a function with this body."""
    source = f"""
        #include <telltale/catalog.h>
        #include <telltale/init.h>
        void f(void *handle, const char *text, int n);
        void f(void *handle, const char *text, int n) {{ (void)handle, (void)text, (void)n; {body} }}
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "f.s"
        command = [compiler, "-O2", "-S", "-fno-asynchronous-unwind-tables", f"-I{include}", "-x", "c", "-", "-o", out]
        subprocess.run(command, input=source, text=True, check=True)
        lines = out.read_text().splitlines()
    return [line.strip() for line in lines if re.match(r"\s+[a-z]", line) and not line.strip().startswith(".")]


compiler, include = sys.argv[1:]
empty = code(compiler, include, "")
print(f"1..{len(CALLS)}")
failed = 0
for number, (what, body) in enumerate(CALLS.items(), 1):
    left = code(compiler, include, body)
    failed += left != empty
    print(f"{'ok' if left == empty else 'not ok'} {number} - of {what} nothing is left")
    if left != empty:
        print("\n".join(f"# {line}" for line in left))
sys.exit(failed > 0)
