#!/usr/bin/env python3
"""Writes what is made of the catalog.

    generate.py FOLDER HEADER METRICS_C OPERATIONS_C    C text of the catalog in the folder
    generate.py --docs FOLDER >docs/reference/metrics.md

What is wrong with the catalog is told as "file:line: text", with exit status 1.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import emit_c  # noqa: E402
import emit_docs  # noqa: E402
from model import load  # noqa: E402
from reader import CatalogError  # noqa: E402


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--docs":
        sys.stdout.write(emit_docs.page(load(arguments[1])))
        return 0
    if len(arguments) != 4:
        sys.stderr.write(__doc__)
        return 2
    catalog = load(arguments[0])
    texts = emit_c.header(catalog), emit_c.metrics_source(catalog), emit_c.operations_source(catalog)
    for path, text in zip(arguments[1:], texts):
        Path(path).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CatalogError as error:
        sys.exit(f"catalog: {error}")
