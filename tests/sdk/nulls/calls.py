#!/usr/bin/env python3
"""A C program that calls every function of the library with NULL, 0 and {0}.

    calls.py OUT HEADER...      writes the program

It ends well when nothing crashes; before each call it says which one it is.
"""

import re
import sys
from pathlib import Path

# What calls made is never freed here.
SANITIZER = 'const char *__asan_default_options(void);\nconst char *__asan_default_options(void)\n{\n    return "detect_leaks=0";\n}\n'
VARIADIC = {"tt_logf"}
POINTER = re.compile(r"[*(\[]|\btt_(callback|set_header|get_header|problem_handler|sampler_function)\b")
NUMBER = re.compile(r"(const )?(enum \w+|unsigned|int|size_t|u?int\d+_t|double|bool|float|char)\b")


def functions(text):
    """Return type, name and arguments of each."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for found in re.finditer(r"TT_API\s+([^;{]+?)\b(tt_\w+)\(([^;]*?)\);", text, flags=re.S):
        yield found[2], " ".join(found[3].split())


def argument(declared):
    """Nothing, as this type has it."""
    if POINTER.search(declared):
        return "NULL"
    number = NUMBER.match(declared)
    if number:
        return f"({number[0]})0"
    structure = re.match(r"(?:const )?(\w+)", declared)[1]
    return f"({structure}){{0}}"


def call(name, arguments):
    parts = [] if arguments in ("void", "") else re.split(r",(?![^()]*\))", arguments)
    given = ", ".join(argument(part.strip()) for part in parts)
    return f'    (void)puts("# {name}");\n    (void)fflush(stdout);\n    {name}({given});\n'


def main(out, headers):
    names = [f"telltale/{Path(header).name}" for header in headers]
    calls = [call(*f) for header in headers for f in functions(Path(header).read_text()) if f[0] not in VARIADIC]
    includes = "".join(f"#include <{name}>\n" for name in names)
    Path(out).write_text(
        f"#include <stdio.h>\n#include <stdlib.h>\n{includes}\n{SANITIZER}\nint main(void)\n{{\n{''.join(calls)}"
        f'    (void)puts("ok 1 - {len(calls)} functions take nothing\\n1..1");\n    return 0;\n}}\n'
    )


main(sys.argv[1], sys.argv[2:])
