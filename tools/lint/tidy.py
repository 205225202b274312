"""clang-tidy over every source, by the list in .clang-tidy.

A source is looked at again only when its text after preprocessing, its flags or the list of checks
have changed: build/tidy holds a file for each clean outcome.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess

from tree import ROOT

BUILD = ROOT / "build/asan"
CLEAN = ROOT / "build/tidy"


def commands(tree):
    """(source, directory, arguments) of what is ours; generated sources are their generator's."""
    ours = set(tree.sources())
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT)
        if path in ours:
            yield path, entry["directory"], shlex.split(entry["command"])


def without_output(arguments):
    kept = []
    skip = False
    for argument in arguments:
        if not skip and argument not in ("-c", "-MD"):
            if argument not in ("-o", "-MF", "-MQ"):
                kept.append(argument)
        skip = argument in ("-o", "-MF", "-MQ") and not skip
    return kept


def fingerprint(config, directory, arguments):
    preprocess = subprocess.run(
        [*without_output(arguments), "-E"], cwd=directory, capture_output=True
    )
    sum_ = hashlib.sha256(config)
    sum_.update(" ".join(arguments).encode())
    sum_.update(preprocess.stdout)
    return sum_.hexdigest()


def look(config, path, directory, arguments):
    mark = CLEAN / fingerprint(config, directory, arguments)
    if mark.exists():
        mark.touch()
        return ""
    done = subprocess.run(
        ["clang-tidy", "--quiet", "-p", BUILD, ROOT / path],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    # The paths behind a finding are long: `clang-tidy -p build/asan FILE` shows them.
    found = re.findall(r"^(?:\.\./)*(.*: (?:warning|error): .*)", done.stdout, re.M)
    if done.returncode == 0 and not found:
        mark.touch()
        return ""
    return "\n".join(found) or done.stdout + done.stderr


def check(tree):
    done = subprocess.run([ROOT / "tools/build", "asan"], capture_output=True, text=True)
    if done.returncode != 0:
        yield done.stdout + done.stderr
        return
    CLEAN.mkdir(exist_ok=True)
    config = (ROOT / ".clang-tidy").read_bytes()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(look, config, *entry) for entry in commands(tree)]
        for job in jobs:
            if job.result():
                yield job.result()
