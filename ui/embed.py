"""Turns the page's files into one C source: a table of name, media type, ETag and bytes.

Usage: embed.py OUT.c FILE...   (run by the build)
"""
import hashlib
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def byte_rows(data: bytes) -> str:
    """The bytes as rows of decimal numbers; C has no portable way to embed long strings."""
    rows = (data[i:i + 24] for i in range(0, len(data), 24))
    return "\n".join("    " + ", ".join(map(str, row)) + "," for row in rows)


def main(out: str, *files: str) -> None:
    parts = ['/* Generated from ui/ by ui/embed.py. */\n#include "api/ui/assets.h"\n']
    table = []
    for number, file in enumerate(sorted(files)):
        path = pathlib.Path(file)
        data = path.read_bytes()
        etag = hashlib.sha256(data).hexdigest()[:16]
        parts.append(f"static const unsigned char file_{number}[] = {{\n{byte_rows(data)}\n}};\n")
        table.append(f'    {{"{path.name}", "{TYPES[path.suffix]}", "\\"{etag}\\"", '
                     f"file_{number}, sizeof file_{number}}},")
    parts.append("const struct ui_asset ui_assets[] = {\n" + "\n".join(table) + "\n};")
    parts.append(f"const size_t ui_assets_n = {len(table)};\n")
    pathlib.Path(out).write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
