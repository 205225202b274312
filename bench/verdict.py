#!/usr/bin/env python3
"""Reads a table of compare.py and tells, by exit status too, whether a server's answers agree.

    bench/verdict.py TABLE.md SERVER

compare.py itself writes disagreement into its table and exits 0.
"""

import sys


def problems(lines, server):
    """The table's own complaints about `server`, and samples that it does not have."""
    found = [l[2:] for l in lines if l.startswith("- ") and f", {server}: rejected" in l]
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
    print("\n".join(found) or f"every answer of {server} agrees with the reference", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
