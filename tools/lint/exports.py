"""The program exports no symbol of its own, and a library's names are its module's.

libtelltale shows the names of its public headers and no others, needs the C library alone, and stays
small. Each static library of the SDK is linked whole, with those that its shared twin needs.

Every global function or object of libFOLDER.a stands in a header (the compiler checks functions by
-Wmissing-prototypes; here the objects are checked, too), and no name is defined twice.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from tree import ROOT

SDK_BYTES_MAX = 120_000
# The SDK's libraries, and what each may link beside the C library.
SDK_LIBRARIES = {
    "telltale": set(),
    "telltale-catalog": {"libtelltale"},
    "telltale-host": {"libtelltale"},
    "telltale-bridge": {"libtelltale"},
    "telltale-sampling": {"libtelltale", "ld-linux-x86-64"},  # the loader, for thread-locals
    "telltale-self": {"libtelltale"},
    "telltale-config": {"libtelltale", "libyaml-0"},
    "telltale-otlp": {"libtelltale", "libcurl-gnutls", "libcurl", "libz", "libzstd"},
    "telltale-prometheus": {"libtelltale", "libtelltale-text", "libmicrohttpd", "libz"},
    "telltale-text": {"libtelltale"},
    "telltale-sinks": {"libtelltale"},
}
# The public header that is made of catalog/.
GENERATED = ROOT / "build/release/sdk/catalog/telltale/catalog.h"
PROGRAM = ROOT / "build/release/server/telltale"
# What the linker puts there for every program.
LINKER = {"_IO_stdin_used", "_start", "__bss_start", "_edata", "_end", "__data_start"}


def symbols(path, *flags):
    done = subprocess.run(["nm", *flags, path], capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines() if line and not line.endswith(":")]


def check_program():
    if not PROGRAM.exists():
        yield f"{PROGRAM.relative_to(ROOT)} was not built"
        return
    # Symbols with a version (stderr@GLIBC_2.2.5) are copies of the C library's.
    for fields in symbols(PROGRAM, "-D", "--defined-only"):
        if "@" not in fields[-1] and fields[-1] not in LINKER:
            yield f"telltale exports {fields[-1]}"


def check_libraries(tree):
    declared = "\n".join([*(tree.code(path) for path in tree.headers()), GENERATED.read_text()])
    words = set(re.findall(r"\w+", declared))
    where = {}
    folder = ROOT / "build/release"
    # libsdk_: what several libraries have a copy of.
    ours = [a for a in sorted(folder.glob("*/*/lib*.a")) if not a.name.startswith(("libtelltale-", "libsdk_"))]
    for library in [*ours, *sorted(folder.glob("sdk/libtelltale_*.a"))]:
        for fields in symbols(library, "-g", "--defined-only"):
            name = fields[-1]
            if name in where:
                yield f"{library.name}: {name} is defined in {where[name]}, too"
            where[name] = library.name
            if name not in words and not name.startswith("_binary_"):
                yield f"{library.name}: {name} is global but stands in no header: make it static"


def needed_files(shared):
    done = subprocess.run(["readelf", "-d", shared], capture_output=True, text=True, check=True)
    return re.findall(r"NEEDED.*\[(.*?)\]", done.stdout)


def needed(shared):
    return {name.split(".so")[0] for name in needed_files(shared)}


def check_sdk_library(declared, folder, name):
    shared, archive = folder / f"lib{name}.so", folder / f"lib{name}.a"
    exported = {f[-1].split("@")[0] for f in symbols(shared, "-D", "--defined-only")}
    linked = {f[-1] for f in symbols(archive, "-g", "--defined-only")}
    for symbol in sorted((exported | linked) - declared):
        yield f"lib{name} shows {symbol}, which stands in no public header"
    for symbol in sorted(exported ^ linked):
        yield f"only one of lib{name}.so and lib{name}.a has {symbol}"
    for library in sorted(needed(shared) - SDK_LIBRARIES[name] - {"libc"}):
        yield f"lib{name}.so needs {library}"


def check_archive(folder, name):
    """What an archive uses and does not have shows only in a program that it is linked into."""
    ours = [name, *(lib[3:] for lib in sorted(SDK_LIBRARIES[name]) if lib.startswith("libtelltale-")), "telltale"]
    others = [f for f in needed_files(folder / f"lib{name}.so") if not f.startswith(("libtelltale", "ld-"))]
    first, *rest = [str(folder / f"lib{lib}.a") for lib in dict.fromkeys(ours)]
    whole = ["-Wl,--whole-archive", first, "-Wl,--no-whole-archive", *rest]
    libraries = [*whole, *(f"-l:{file}" for file in others), "-pthread"]
    command = ["cc", "-x", "c", "-", "-o", "/dev/null", "-x", "none", *libraries]
    done = subprocess.run(command, input="int main(void) { return 0; }", capture_output=True, text=True)
    for missing in sorted(set(re.findall(r"undefined reference to `(\w+)'", done.stderr))):
        yield f"lib{name}.a needs {missing}"
    if done.returncode and "undefined reference" not in done.stderr:
        yield f"lib{name}.a: {done.stderr}"


def check_sdk(tree):
    folder = ROOT / "build/release/sdk"
    public = [h for h in tree.headers() if h.startswith("sdk/include/")]
    texts = [*(tree.code(path) for path in public), GENERATED.read_text()]
    declared = set(re.findall(r"\btt_\w+", "\n".join(texts)))
    for name in SDK_LIBRARIES:
        yield from check_sdk_library(declared, folder, name)
        yield from check_archive(folder, name)
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, folder / "libtelltale.so"], check=True)
        size = Path(stripped.name).stat().st_size
    print(f"# libtelltale.so, stripped: {size} bytes")
    if size > SDK_BYTES_MAX:
        yield f"libtelltale.so has {size} bytes, more than {SDK_BYTES_MAX}"


def check(tree):
    done = subprocess.run([ROOT / "tools/build", "release"], capture_output=True, text=True)
    if done.returncode != 0:
        yield done.stdout + done.stderr
        return
    yield from check_program()
    yield from check_libraries(tree)
    yield from check_sdk(tree)
