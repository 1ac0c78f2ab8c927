"""Small wave functions, and the text of files that hold them."""

import re
import warnings

import numpy as np
from pyscf import scf

H2S = [("S", (0.0, 0.0, 0.0)), ("H", (0.0, 0.96, 0.93)), ("H", (0.0, -0.96, 0.93))]
SH = [("S", (0.0, 0.0, 0.0)), ("H", (0.1, 0.2, 1.32))]
AUSH = [("Au", (0.0, 0.0, 0.0)), ("S", (2.22, 0.1, 0.0)), ("H", (2.35, 1.43, 0.1))]
HEH = [("He", (0.0, 0.0, 0.0)), ("H", (0.3, 0.5, 0.5))]
G_BASIS = {"He": "cc-pv5z", "H": "cc-pvtz"}
CALCULATIONS = {
    "H2S": (scf.RHF, {"atom": H2S, "basis": "def2-svp"}),
    "SH radical": (scf.UHF, {"atom": SH, "basis": "def2-svp", "spin": 1}),
    "SH radical, restricted": (scf.ROHF, {"atom": SH, "basis": "def2-svp", "spin": 1}),
    "AuSH": (scf.RHF, {"atom": AUSH, "basis": "def2-svp", "ecp": {"Au": "def2-svp"}}),
    "H2S, d and f": (scf.RHF, {"atom": H2S, "basis": "6-311++g(3df,3pd)"}),
    "H2S, Cartesian d and f": (scf.RHF, {"atom": H2S, "basis": "cc-pvtz", "cart": True}),
    "HeH+, g": (scf.RHF, {"atom": HEH, "basis": G_BASIS, "charge": 1}),
    "HeH+, Cartesian g": (scf.RHF, {"atom": HEH, "basis": G_BASIS, "charge": 1, "cart": True}),
}


def solved(field):
    field._chkfile.close()  # PySCF leaves it to the garbage collector, which warns
    field.chkfile = None
    field.run(conv_tol=1e-10)
    assert field.converged
    return field


def quietly(function, *given, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*given, **named)


def sections(text):
    return re.split(r"(?m)^(?=\[)", text)


def without(text, name):
    return "".join(part for part in sections(text) if not part.startswith(f"[{name}]"))


def scalar(text, label, value):
    return re.sub(rf"(?m)^{label} +I .*$", f"{label:<40}   I     {value:12d}", text)


def entry(text, label, change):
    """Change the values of an entry of a checkpoint; None takes it out."""
    found = re.search(rf"(?m)^{re.escape(label)} +[IR]   N= +\d+\n(?: .*\n)+", text)
    return text.replace(found[0], "" if change is None else change(found[0]))


HELIUM = """[Molden Format]
[Title]
 written by hand
[Atoms] Angs
HE1 1 2 0.0 0.0 0.5D0
[GTO]
1 0
sp 2 1.00
 0.5D+00 0.6 0.2
 2.0-000 0.5 0.9

[MO]
Ene= -0.9
Spin= alpha
Occup= 2.0
 1 {s}
"""


def helium():
    """Orthonormal s of an sp shell; the other coefficients are left out."""
    overlap = (4 * 0.5 * 2.0 / 2.5**2) ** 0.75
    return HELIUM.format(s=1 / np.sqrt(0.6**2 + 0.5**2 + 2 * 0.6 * 0.5 * overlap))
