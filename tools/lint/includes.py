"""Includes point one way. EDGES says, for each folder, whose headers it may include.

A folder of server/ shows one header named after it, unless PUBLIC lists others; the rest is private
to the folder and its tests. All headers of lib/ are public, and those of sdk/ within the SDK.
"""

import re

EDGES = {
    "lib/base": [],
    "lib/model": ["base"],
    "lib/codec": ["base", "model"],
    "sdk/include/telltale": [],
    "sdk/src/core": ["base", "telltale"],
    "sdk/src/metrics": ["base", "telltale", "core"],
    "sdk/src/trace": ["base", "telltale", "core"],
    "sdk/src/logs": ["base", "telltale", "core", "trace"],
    "sdk/src/init": ["base", "telltale", "core"],
    "sdk/catalog": ["base", "telltale"],
    "sdk/host": ["base", "telltale"],
    "sdk/self": ["base", "telltale"],
    "sdk/declare": ["base", "telltale"],
    "sdk/sampling": ["base", "telltale"],
    "sdk/text": ["base", "telltale", "core", "metrics"],
    "sdk/bridge": ["base", "telltale"],
    "sdk/remote": ["base", "codec", "telltale", "wire"],
    "sdk/exporters/wire": ["base"],
    "sdk/exporters/otlp": ["base", "telltale", "wire", "remote"],
    "sdk/exporters/sinks": ["base", "telltale", "wire"],
    "sdk/exporters/prometheus": ["base", "telltale"],
    "server/self": ["base"],
    "server/log": ["base", "self"],
    "server/config": ["base", "self", "log"],
    "server/net": ["base", "self", "log"],
    "server/store": ["base", "model", "self", "log"],
    "server/query": ["base", "model", "codec", "store", "self", "log"],
    "server/receive": ["base", "model", "codec", "config", "net", "self", "log"],
    "server/api": [
        *["base", "model", "codec"],
        *["config", "net", "store", "query", "receive", "self", "log"],
    ],
    "server/cli": [
        *["base", "model", "codec"],
        *["config", "net", "store", "query", "receive", "api", "self", "log"],
    ],
    "server": ["cli"],  # main.c
}

PUBLIC = {
    "api": ["api.h", "export.h", "export_records.h"],
    "config": ["config.h", "scrape_config.h", "tree.h"],
    "net": ["address.h", "auth.h", "client.h", "grpc.h", "http.h", "tls.h"],
    "query": ["query.h", "script/script.h", "script/unit.h", "records/records.h", "records/filter.h", "records/facets.h", "traces/traces.h", "traces/tree.h", "traces/sessions.h", "logs/logs.h"],
    "receive": ["receive.h", "scrape.h", "import.h", "relabel.h"],
    "store": ["store.h", "aggregates.h", "inspect.h", "records.h"],
}

LIBRARIES = ["base", "model", "codec", "telltale", "core", "metrics", "trace", "logs", "prometheus", "otlp", "wire", "sinks", "catalog", "sampling", "remote", "bridge"]

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def folder_of(path):
    """The folder of EDGES that holds the path, or None."""
    parts = path.split("/")
    for length in (3, 2, 1):
        if "/".join(parts[:length]) in EDGES and len(parts) > length:
            return "/".join(parts[:length])
    return None


def is_public(folder, header):
    if folder in LIBRARIES:
        return True
    return header in PUBLIC.get(folder, [f"{folder}.h"])


def check_one(path, own, allowed, included):
    """The problem with one include, or None. `own`: the folder whose private headers are free."""
    folder, _, header = included.partition("/")
    if not header:
        return f'{path}: "{included}" must be named from lib/, server/, sdk/src/ or sdk/include/ down'
    if folder == own:
        return None
    if folder not in allowed:
        return f'{path}: "{included}": {own or "this file"} may include {", ".join(allowed)}'
    if not is_public(folder, header):
        return f'{path}: "{included}" is private to {folder}'
    return None


def check(tree):
    everything = [folder.split("/")[-1] for folder in EDGES if folder != "server"]
    for path in tree.c():
        test = path.startswith("tests/")
        folder = folder_of(re.sub(r"^tests/sdk/", "sdk/src/", path).removeprefix("tests/"))
        if folder is None and not path.startswith(("tests/", "fuzz/", "bench/", "examples/")):
            yield f"{path}: its folder is not in EDGES of tools/lint/includes.py"
            continue
        free = test or folder is None  # tests, fuzz targets and benchmarks combine parts
        allowed = everything if free else EDGES[folder]
        own = folder.split("/")[-1] if folder else None
        for match in _INCLUDE.finditer(tree.text(path)):
            included = match.group(1)
            beside = included.startswith(("support/", "bench/")) or "/" not in included
            if free and beside:
                continue
            # A fuzz target reaches for the parser itself, wherever it is private.
            if folder is None and included.split("/")[0] in everything:
                continue
            problem = check_one(path, own, allowed, included)
            if problem:
                yield problem
