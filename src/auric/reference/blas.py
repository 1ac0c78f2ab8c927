"""The OpenBLAS inside PySCF's wheel, made to use the processor's vector units, and lent to tblite.

That OpenBLAS is older than many processors; on one it does not know it falls back to code of 2007, and density-functional
steps take half as long again. And tblite's wheel bundles the slow reference BLAS and LAPACK, which look for the very names
that this OpenBLAS offers. Energies agree to rounding. Where the library is missing, everything stays as it is.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from auric.progress import log


@cache
def load_openblas() -> Path | None:
    """Load the library for PySCF, with AVX2 code if the processor has it; call it before PySCF is imported.

    Returns:
        The library, or None if there is none.
    """
    spec = find_spec("pyscf")
    for package in spec.submodule_search_locations or [] if spec else []:
        folder = Path(package, "lib")
        for library in sorted(folder.glob("libopenblas*.so*")):
            try:
                with _known_processor():
                    # The library does not know where its own dependencies lie; PySCF's, which uses it, does.
                    ctypes.CDLL(str(folder / "libnp_helper.so"))
                    ctypes.CDLL(str(library))
            except OSError as error:
                log.info("%s cannot be loaded (%s)", library, error)
            else:
                return library
    return None


def prefer_openblas() -> Path | None:
    """Put the library in front of tblite's own BLAS; call it before tblite is imported.

    Its names are then seen by all libraries loaded later, torch's among them, for which it would be slower than their own:
    import torch first where both are used (modules do, as engines come up only when they compute).

    Returns:
        The library in front, or None if there is none or tblite was imported before.
    """
    library = load_openblas()
    if library is None or any(name.split(".")[0] == "tblite" for name in sys.modules):
        return None
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    return library


@contextmanager
def _known_processor() -> Iterator[None]:
    """Name a processor with AVX2 to OpenBLAS while it loads, unless this one lacks it or the user names one."""
    name = "OPENBLAS_CORETYPE"
    if name in os.environ or not _has_avx2():
        yield
        return
    os.environ[name] = "Haswell"
    try:
        yield
    finally:
        del os.environ[name]


def _has_avx2(description: Path = Path("/proc/cpuinfo")) -> bool:
    try:
        words = set(description.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError):
        return False
    return {"avx2", "fma"} <= words
