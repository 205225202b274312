#!/usr/bin/env python3
"""Makes a static library of which only the tt_ names can be seen.

    archive.py OUT.a N OWN.a... [OTHER.a...]

All objects of the first N archives and those of the others that they need become one object, whose hidden symbols are
made local: a program that links the archive may use their names itself.
"""

import os
import subprocess
import sys
import tempfile

out, n, *archives = sys.argv[1:]
own, others = archives[: int(n)], archives[int(n) :]
with tempfile.TemporaryDirectory() as folder:
    merged = os.path.join(folder, "telltale.o")
    command = ["ld", "-r", "-o", merged, "--whole-archive", *own, "--no-whole-archive", *others]
    subprocess.run(command, check=True)
    subprocess.run(["objcopy", "--localize-hidden", merged], check=True)
    if os.path.exists(out):
        os.unlink(out)
    subprocess.run(["ar", "rcs", out, merged], check=True)
