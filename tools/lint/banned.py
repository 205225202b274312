"""Functions that are too easily misused, with what to use instead."""

import re

from tree import line_of

BANNED = {
    r"strcpy|strcat|strncpy|strncat|stpcpy": "struct str, struct buf",
    r"sprintf|vsprintf|asprintf|vasprintf": "buf_printf or snprintf",
    r"strtok|strtok_r": "str_cut",
    r"gets|scanf|fscanf|sscanf": "the parsers of base/num.h",
    r"atoi|atol|atoll|atof|strtol|strtoll|strtoul|strtoull|strtod|strtof": "num_parse_…",
    r"gmtime|gmtime_r|localtime|localtime_r|ctime|asctime|mktime|strftime|strptime": "base/time.h",
    r"time": "time_now_unix_ns",
    r"rand|srand|random|srandom|drand48": "getrandom, or a generator of your own with a seed",
    r"setlocale|uselocale|isalpha|isdigit|isxdigit|isspace|isalnum|isprint|tolower|toupper": "ASCII ranges",
    r"system|popen|tmpnam|mktemp|tempnam": "nothing: there is a safer way each time",
    r"alloca|strdupa": "an arena",
    r"sleep|usleep|nanosleep": "cond_wait_until, poll: wait for the event with a deadline",
    r"pthread_mutex_lock|pthread_rwlock_rdlock|pthread_rwlock_wrlock": "base/lock.h",
    r"pthread_create": "base/thread.h",
    r"bcopy|bzero|strlcpy|strlcat": "memcpy, memset",
    r"exit|_exit|abort": "an error as a value",
}

# Where the rule does not hold, and why.
ALLOWED = {
    ("lib/base/err.c", "abort"): "NEVER stops a debug build",
    ("lib/base/lock.c", "abort"): "a broken lock must not be survived",
    ("lib/base/lock.c", "pthread_mutex_lock"): "the wrapper itself",
    ("lib/base/lock.c", "pthread_rwlock_rdlock"): "the wrapper itself",
    ("lib/base/lock.c", "pthread_rwlock_wrlock"): "the wrapper itself",
    ("lib/base/thread.c", "pthread_create"): "the wrapper itself",
    ("sdk/catalog/global.c", "pthread_mutex_lock"): "the SDK's locks are not public",
    ("sdk/exporters/otlp/exporter.c", "pthread_mutex_lock"): "the SDK's locks are not public",
    ("sdk/exporters/otlp/exporter.c", "pthread_create"): "nor are its threads",
    ("sdk/exporters/otlp/spool.c", "pthread_mutex_lock"): "the SDK's locks are not public",
    ("sdk/exporters/sinks/memory.c", "pthread_mutex_lock"): "the SDK's locks are not public",
    ("sdk/remote/remote.c", "pthread_mutex_lock"): "the SDK's locks are not public",
    ("sdk/remote/remote.c", "pthread_create"): "nor are its threads",
    ("sdk/self/self.c", "pthread_mutex_lock"): "the SDK's locks are not public",
    ("sdk/src/core/worker.c", "pthread_create"): "the SDK's own wrapper",
    ("sdk/src/core/mutex.h", "pthread_mutex_lock"): "the SDK's own wrapper, which never aborts",
}

# Tests and fuzz targets end loudly, wait on other programs, and check us against the C library.
FREE_IN_TESTS = {
    *["abort", "exit", "_exit", "system", "nanosleep", "usleep"],
    *["strtod", "strtol", "strtoul", "fscanf", "sscanf", "pthread_create", "atoi"],
}

_CALLS = [(re.compile(rf"(?<![\w.>])({names})\s*\("), instead) for names, instead in BANNED.items()]


def check(tree):
    used = set()
    for path in tree.c():
        code = tree.code(path)
        test = path.startswith(("tests/", "fuzz/", "bench/", "examples/"))
        for pattern, instead in _CALLS:
            for match in pattern.finditer(code):
                name = match.group(1)
                used.add((path, name))
                if (path, name) in ALLOWED or (test and name in FREE_IN_TESTS):
                    continue
                yield f"{path}:{line_of(code, match.start())}: {name}: use {instead}"
    for path, name in sorted(set(ALLOWED) - used):
        yield f"tools/lint/banned.py: ALLOWED has {name} in {path}, which does not use it"
