#!/usr/bin/env python3
"""Writes a public header anew with each function doing nothing, inline: programs compiled with these
headers need no library, and the compiler leaves nothing of the calls.

    noop.py HEADER.h OUT.h

What returns a pointer returns NULL, a text "", a status TT_OK, a structure zeros; what would be
written to an out_… parameter is zeros, too.
"""

import re
import sys

# TT_API, result, name, parameters; a function pointer may stand in the parameters.
DECLARATION = re.compile(r"TT_API\s+([\w\s]+?[\s*]+)(tt_\w+)\(((?:[^()]|\([^()]*\))*)\);")
SCALARS = {"int", "bool", "unsigned", "size_t", "double", "int64_t", "uint64_t", "uint32_t", "uint16_t", "int32_t"}


def name_of(parameter):
    pointer = re.search(r"\(\*(\w+)\)", parameter)
    return pointer.group(1) if pointer else re.search(r"(\w+)(?:\[\w*\])?$", parameter.strip()).group(1)


def body_of(result, parameters):
    names = [name_of(p) for p in parameters if p.strip() not in ("void", "...")]
    lines = [f"(void){name};" for name in names]
    # What has no size in the header (const void *) is not written to.
    for parameter, name in zip(parameters, names):
        if name.startswith("out") and "[" in parameter:
            lines.append(f"{name}[0] = 0;")
        elif name.startswith("out"):
            lines.append(f"if ({name})\n        memset({name}, 0, sizeof *{name});")
    if result == "const char *":
        lines.append('return "";')
    elif result.endswith("*"):
        lines.append(f"return ({result})0;")
    elif result in SCALARS:
        lines.append("return 0;")
    elif result.startswith("enum "):
        lines.append(f"return ({result})0;")
    elif result != "void":
        lines = [f"{result} none;", *lines, "memset(&none, 0, sizeof none);", "return none;"]
    return "".join(f"    {line}\n" for line in lines)


def split(parameters):
    """At the commas outside parentheses."""
    return re.split(r",(?![^()]*\))", " ".join(parameters.split()))


def replace(match):
    result, name, parameters = " ".join(match.group(1).split()), match.group(2), match.group(3)
    space = "" if result.endswith("*") else " "
    return f"static inline {result}{space}{name}({parameters})\n{{\n{body_of(result, split(parameters))}}}"


source, out = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    text = file.read()
if source.endswith("/api.h"):
    text = text.replace("#include <stdint.h>\n", "#include <stdint.h>\n#include <string.h>\n", 1)
    text = text.replace("\n#ifdef __cplusplus", "\n#define TT_NOOP 1 /* these headers do nothing */\n\n#ifdef __cplusplus", 1)
text, _ = DECLARATION.subn(replace, text)
if re.search(r"\bTT_API\s+\w", re.sub(r"#define TT_API.*", "", text)):
    sys.exit(f"{source}: a function is declared in a way that {sys.argv[0]} does not know")
with open(out, "w", encoding="utf-8") as file:
    file.write(text)
