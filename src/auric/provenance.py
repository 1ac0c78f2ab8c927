"""What made a number: hashes, versions, and the fingerprint of the code a rule reaches.

Snakemake sees a rule's script but not what the script imports, so each rule passes `code_fingerprint` of its modules as
a parameter: a changed syntax tree or library re-runs the rule, a changed comment or docstring does not.

Every job reads the workflow anew and needs all fingerprints. What a source's tree says is therefore kept beside Python's own caches,
by the hash of the source's text.
"""

import ast
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from auric import __version__

PACKAGE = Path(__file__).parent
SILENT = frozenset({"auric.devices", "auric.machine", "auric.progress", "auric.running"})
"""Modules that write logs and mind processes, and have no part in any number: a change there makes nothing run again."""


def digest(*parts: str | bytes, length: int = 16) -> str:
    """Hexadecimal SHA-256 of the parts, shortened; parts are kept apart by their lengths."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(f"{len(data)}:".encode() + data)
    return state.hexdigest()[:length]


def file_digest(path: str | Path, *, length: int = 16) -> str:
    """What `digest` says of a file's bytes, which are not held in memory at once."""
    with Path(path).open("rb") as file:
        state = hashlib.sha256(f"{os.fstat(file.fileno()).st_size}:".encode())
        while part := file.read(2**20):
            state.update(part)
    return state.hexdigest()[:length]


def configuration_hash(configuration: Any) -> str:
    """Hash of a configuration, independent of the order of its keys."""
    return digest(json.dumps(configuration, sort_keys=True))


def block_of(name: str, blocks: int) -> int:
    """The block (0 .. blocks - 1) of a frame or structure: decided by its name alone, so that others never move it."""
    return int(digest(name), 16) % blocks


@cache
def library_version(library: str) -> str:
    """Installed version of a distribution, or 'absent'."""
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"


def library_versions(libraries: Iterable[str]) -> dict[str, str]:
    """Versions of auric and of these distributions."""
    return {"auric": __version__} | {name: library_version(name) for name in sorted(libraries)}


@cache
def code_fingerprint(*modules: str, libraries: tuple[str, ...] = ()) -> str:
    """Hash of the modules a rule's function reaches, and of the libraries that make its numbers.

    Args:
        modules: Full module names inside the package (`auric.elf.images`); their imports are followed.
        libraries: Names of distributions whose versions count.
    """
    trees = [f"{name}\n{_facts(name)[0]}" for name in sorted(reached(*modules) - SILENT)]
    _keep_facts()
    return digest(*trees, json.dumps(library_versions(libraries) | {"auric": ""}, sort_keys=True))


def files_fingerprint(*paths: str | Path) -> str:
    """Hash of files that a rule's function reads besides Python modules (templates, scripts of a page)."""
    return digest(*(Path(path).read_bytes() for path in sorted(map(str, paths))))


def reached(*modules: str) -> set[str]:
    """Full names of the package's modules that these import, directly or not, themselves included."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if _file(name) is None:
            raise ValueError(f"no module {name} in {PACKAGE}")
        found.add(name)
        waiting.extend(imports(name))
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of the package named in a module's import statements."""
    return frozenset(name for name in _facts(module)[1] if _file(name) is not None)


def _file(module: str) -> Path | None:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file() and (candidate.name == "__init__.py" or base != PACKAGE):
            return candidate
    return None


def _facts(module: str) -> tuple[str, list[str]]:
    """Digest of a module's syntax tree, and the names under `auric` that it imports, modules or not."""
    file = _file(module)
    assert file is not None
    text = file.read_bytes()
    key = digest(text, length=64)
    if key not in _known():
        tree = ast.parse(text)
        _known()[key] = (digest(_syntax(tree), length=64), sorted(_imported(tree)))
        _new.add(key)
    return _known()[key]


_new: set[str] = set()
"""Keys of facts that are not in the file yet."""


def _facts_file() -> Path:
    return PACKAGE / "__pycache__" / f"facts.{sys.implementation.cache_tag}.json"


@cache
def _known() -> dict[str, tuple[str, list[str]]]:
    try:
        found = json.loads(_facts_file().read_text(encoding="utf-8"))
        return {str(key): (str(tree), [str(name) for name in names]) for key, (tree, names) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # not there, or not what was written: made again
        return {}


def _keep_facts() -> None:
    """Write what is new; where that cannot be, the next process parses again."""
    if not _new:
        return
    try:
        _facts_file().parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=_facts_file().parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(_known(), file)
        Path(name).replace(_facts_file())
    except OSError:
        return
    _new.clear()


def _syntax(tree: ast.Module) -> str:
    """The syntax tree without docstrings (comments are not in it)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_text(each)]
    return ast.dump(tree)


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.split(".")[0] == "auric"}


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring of a module, class, function or of the name above it."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
