"""A fast BLAS for tblite, whose wheel bundles the slow reference BLAS and LAPACK.

The wheel of PySCF, which is installed anyway, brings an OpenBLAS with the plain names that tblite looks for. Loaded
first and with its names visible to all, it answers in place of the reference library; energies agree to rounding. Where
it is missing (another system, another build of PySCF), tblite keeps its own.
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
def prefer_openblas() -> Path | None:
    """Put an OpenBLAS in front of tblite's own BLAS; call it before tblite is imported.

    Returns:
        The library now in front, or None if there is none or tblite was imported before.
    """
    if any(name.split(".")[0] == "tblite" for name in sys.modules):
        return None
    spec = find_spec("pyscf")
    for package in spec.submodule_search_locations or [] if spec else []:
        folder = Path(package, "lib")
        for library in sorted(folder.glob("libopenblas*.so*")):
            try:
                with _known_processor():
                    # OpenBLAS does not know where its own dependencies lie; PySCF's library, which uses it, does.
                    ctypes.CDLL(str(folder / "libnp_helper.so"))
                    if hasattr(ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL), "dsygvd_"):
                        return library
            except OSError as error:
                log.info("%s cannot be loaded (%s); GFN1-xTB runs with the slower BLAS of tblite", library, error)
    return None


@contextmanager
def _known_processor() -> Iterator[None]:
    """Name a processor while OpenBLAS loads: one newer than the library would get code without its vector units."""
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
