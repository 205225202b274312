#!/usr/bin/env python3
"""Reads a table of compare.py and tells, by exit status too, whether a server's answers agree.

    bench/verdict.py TABLE.md SERVER

compare.py itself writes disagreement into its table and exits 0. A difference of a few per cent in
a rate() is not ours but between the versions of Prometheus, see README.md; it is told, not counted.
"""

import re
import sys

BETWEEN_VERSIONS = 0.03


def is_between_versions(rejection):
    differs = re.search(r"results differ by ([0-9.e-]+)$", rejection)
    return "rate(" in rejection and differs and float(differs.group(1)) < BETWEEN_VERSIONS


def problems(lines, server):
    """The table's own complaints about `server`, and samples that it does not have."""
    found = [l[2:] for l in lines if l.startswith("- ") and f", {server}: rejected" in l]
    for rejection in filter(is_between_versions, found):
        print(f"between Prometheus 2.42 and 3: {rejection}", file=sys.stderr)
    found = [one for one in found if not is_between_versions(one)]
    found += [l[2:] for l in lines if l.startswith(f"- {server} run ")]
    rows = [[c.strip() for c in l.split("|")] for l in lines if l.startswith("| ")]
    column = rows[0].index(server)
    for row in rows:
        if row[1] == "samples missing" and row[column] not in ("0", "–"):
            found.append(f"samples missing: {row[column]}")
    return found


def main():
    table, server = sys.argv[1:]
    with open(table) as f:
        found = problems(f.read().splitlines(), server)
    print("\n".join(found) or f"every other answer of {server} agrees with the reference", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
