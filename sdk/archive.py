#!/usr/bin/env python3
"""Makes a static library of which only the tt_ names can be seen.

    archive.py OUT.a N OWN.a... [OTHER.a...]

All objects of the first N archives and those of the others that they need become one object, of which what no tt_
function needs is left out, and whose hidden symbols are made local: a program that links the archive may use their
names itself. What stays undefined is the C library's, or of another telltale library.
"""

import os
import subprocess
import sys
import tempfile



def public_names(archives):
    done = subprocess.run(["nm", "--defined-only", "-g", *archives], capture_output=True, text=True, check=True)
    words = (line.split() for line in done.stdout.splitlines())
    return sorted({w[-1] for w in words if len(w) == 3 and w[-1].startswith("tt_")})


out, n, *archives = sys.argv[1:]
own, others = archives[: int(n)], archives[int(n) :]
roots = [f"--undefined={name}" for name in public_names(own)]
with tempfile.TemporaryDirectory() as folder:
    merged = os.path.join(folder, "telltale.o")
    inputs = ["--whole-archive", *own, "--no-whole-archive", *others]
    command = ["ld", "-r", "--gc-sections", *roots, "-o", merged, *inputs]
    subprocess.run(command, check=True)
    subprocess.run(["objcopy", "--localize-hidden", merged], check=True)
    if os.path.exists(out):
        os.unlink(out)
    subprocess.run(["ar", "rcs", out, merged], check=True)
