"""The import rule as a function: it names every breach in a file, given its path and text; it imports no module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

FOLDERS = ("rules", "storage", "monitor")

PURE_MODULES = frozenset(
    {
        *(
            "__future__",
            "abc",
            "base64",
            "bisect",
            "collections",
            "collections.abc",
            "copy",
            "dataclasses",
            "datetime",
        ),
        *("decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "html", "itertools", "json"),
        *("math", "operator", "re", "string", "textwrap", "types", "typing", "unicodedata", "urllib.parse"),
        *("codecs", "re2", "ahocorasick_rs"),
    }
)
"""All that rules/ may import besides itself: modules of values, which neither read nor write anything."""

LEAVES = {
    "monitor/sources/": ("monitor.sources", "monitor.fetching.fields", "monitor.fetching.pages"),
    "monitor/notifiers/": ("monitor.notifiers", "monitor.message", "monitor.fetching.fields", "monitor.sources"),
}
"""What a kind of source or channel may import of monitor/: its own contract, and how pages and messages are read."""

SANS_IO = PURE_MODULES | {"binascii", "struct"}
"""All that monitor/sources/ may import of the standard library: a source asks for pages, it does not get them."""

IMPURE_BUILTINS = {
    **dict.fromkeys(("open", "print", "input", "breakpoint"), "rules/ performs no input and no output"),
    **dict.fromkeys(("exec", "eval", "compile", "__import__"), "rules/ runs only the code that is written there"),
    "hash": "hash() of a text differs from process to process; take hashlib",
}

CLOCK_READINGS = frozenset({"now", "utcnow", "today"})


class Home(NamedTuple):
    """Where names that start with one of `names` may be used; all paths are shell patterns from the root."""

    names: tuple[str, ...]
    paths: tuple[str, ...]


HOMES = (
    Home(("re2",), ("rules/language/regex.py",)),
    Home(("ahocorasick_rs",), ("rules/percolate/scanning.py",)),
    Home(("feedparser",), ("monitor/parsing.py", "monitor/parsing/*")),
    Home(("httpx", "httpx_aiohttp", "aiohttp", "urllib.request", "http.client"), ("monitor/fetching/*",)),
    Home(("aiosmtplib", "smtplib"), ("monitor/notifiers/email.py",)),
    Home(("aiosmtpd",), ("monitor/demo/receivers.py",)),
    Home(("apscheduler",), ("monitor/daemon.py",)),
    Home(("sqlalchemy", "alembic", "psycopg", "sqlite3"), ("storage/*",)),
    Home(("tomllib", "pydantic", "pydantic_core"), ("monitor/config/*",)),
    Home(
        ("os.environ", "os.environb", "os.getenv"),
        ("monitor/config/*", "monitor/__main__.py", "monitor/cli.py", "monitor/commands/*"),
    ),
    Home(("rich",), ("monitor/commands/*", "monitor/demo/*")),
    Home(
        (
            *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
            *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"),
            *("time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns"),
        ),
        ("monitor/clock.py",),
    ),
)
"""Each outside library and each reading of the machine sits behind one place."""

EXEMPT: dict[tuple[str, str], str] = {}
"""(path, name) and the reason why this name may be used there all the same."""


def python_files(root: Path, folders: Sequence[str] = FOLDERS) -> Iterator[tuple[str, str]]:
    """Yield path from the root and text of every Python file in the folders."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path.read_text("utf-8")


def breaches(path: str, source: str) -> list[str]:
    """Name every breach of the import rule in one file, each as `path:line: what, and where it belongs`."""
    tree = ast.parse(source)
    exempt = {name for place, name in EXEMPT if place == path}
    folder = path.split("/", maxsplit=1)[0]
    found = [*_direction(folder, tree), *_leaves(path, tree), *_homes(path, tree, exempt)]
    if folder == "rules":
        found += _impurities(tree)
    return [f"{path}:{line}: {what}" for line, what in sorted(set(found))]


def outside_modules(source: str) -> set[str]:
    """Name the top-level modules a file imports that are neither ours nor the standard library's."""
    tops = {module.split(".")[0] for _, module, _ in _imports(ast.parse(source))}
    return tops - set(FOLDERS) - sys.stdlib_module_names - {""}


def _imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Yield line, module and imported name ("" for a plain import); a relative import has the module ""."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "" if node.level else node.module or ""
            yield from ((node.lineno, module, alias.name) for alias in node.names)


def _direction(folder: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    for line, module, name in _imports(tree):
        top = module.split(".")[0]
        if not module:
            yield line, f"relative import of {name}; write the whole name"
        elif (
            folder == "rules"
            and top != "rules"
            and module not in PURE_MODULES
            and f"{module}.{name}" not in PURE_MODULES
        ):
            yield line, f"rules/ imports {module}, which is not on its list of value modules"
        elif folder == "storage" and top == "monitor":
            yield line, f"storage/ imports {module}; the direction is rules <- storage <- monitor"


def _leaves(path: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    for leaf, within in LEAVES.items():
        for line, module, _ in _imports(tree) if path.startswith(leaf) else ():
            top = module.split(".")[0]
            ours = top == "monitor" and any(module == known or module.startswith(f"{known}.") for known in within)
            if top == "storage" or (top == "monitor" and not ours):
                yield line, f"{leaf} is a leaf; it imports {module}"
            elif leaf == "monitor/sources/" and top not in ("monitor", "rules") and module not in SANS_IO:
                yield line, f"a source performs no I/O; it imports {module}"


def _homes(path: str, tree: ast.AST, exempt: Collection[str]) -> Iterator[tuple[int, str]]:
    for line, name in _used(tree):
        if name in exempt:
            continue
        if path.startswith("monitor/demo/") and (name == "aiohttp" or name.startswith("aiohttp.web")):
            continue  # the demo's origin is a server; the one client is the fetcher
        for home in HOMES:
            inside = any(fnmatch(path, pattern) for pattern in home.paths)
            if not inside and any(name == known or name.startswith(f"{known}.") for known in home.names):
                yield line, f"{name} belongs in {' or '.join(home.paths)}"


def _used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every imported thing with its whole name, where it is imported from its module and where it is used."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = _dotted(node)
            head, _, rest = name.partition(".")
            if head in bound:
                yield node.lineno, f"{bound[head]}.{rest}"


def _dotted(node: ast.expr) -> str:
    """Write `a.b.c` for an attribute chain that starts at a name, "" for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        start = _dotted(node.value)
        return f"{start}.{node.attr}" if start else ""
    return ""


def _impurities(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in IMPURE_BUILTINS:
            yield node.lineno, f"{node.id}: {IMPURE_BUILTINS[node.id]}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_READINGS:
            yield node.lineno, f".{node.func.attr}() reads a clock; rules/ gets `now` as an argument"
