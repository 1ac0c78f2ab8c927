"""Models of this room as files: npz with a JSON header, never pickle.

The header says what the model is, its settings, what it was trained on, and a digest of everything else in the file; a file that
is foreign, damaged, cut short or changed is refused. A digest finds accidents and careless edits; it is no signature.
"""

import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auric.descriptors import FeatureScaler
from auric.errors import InputError
from auric.files import read_npz, write_npz
from auric.potential.conformal import ConformalIntervals
from auric.potential.distances import DistancesTo
from auric.potential.domain import TrainingDomain
from auric.potential.emlm import DistanceModel, Emlm
from auric.potential.mlm import Mlm
from auric.provenance import digest, library_versions

DAMAGE = (ValueError, OSError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error, NotImplementedError)

Contents = tuple[dict[str, Any], dict[str, np.ndarray]]
Model = Emlm | Mlm | TrainingDomain | ConformalIntervals


def write_model(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a model of any kind.

    Args:
        path: File ending in npz.
        header: What JSON can hold (numbers come back with all digits): `format`, the name that `read_model` asks for; settings;
            `trained_on`, that is data, engine, level of theory. `made_with` and `digest` are added.
        arrays: Numbers or text, no objects.

    Raises:
        InputError: The folder cannot be written, no name of a format, or content that JSON or npz cannot hold.
    """
    if not isinstance(header.get("format"), str):
        raise InputError(f"{path}: a model without the name of its format; give header['format']")
    full = dict(header) | {"made_with": library_versions(("numpy", "scikit-learn"))}
    given = {name: np.asarray(array) for name, array in arrays.items()}
    if objects := [name for name, array in given.items() if array.dtype.hasobject]:
        raise InputError(f"{path}: array '{objects[0]}' holds objects; give numbers or text")
    try:
        full["digest"] = _digest(full, given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: a header that JSON cannot hold ({error}); give plain values") from error
    write_npz(path, full, given)


def read_model(path: str | Path, name: str | None = None) -> Contents:
    """Header, as it was given with `made_with`, and arrays of a model.

    Args:
        path: File that `write_model` wrote.
        name: The format it must have; None: any.

    Raises:
        InputError: Missing, foreign, damaged, changed, or of another format.
    """
    try:
        header, arrays = read_npz(path)
    except FileNotFoundError as error:
        raise InputError(f"no model file {path}; train a model first, or correct the path") from error
    except DAMAGE as error:
        raise InputError(f"{path}: damaged, or no model of auric ({error}); train the model again") from error
    if not isinstance(header, dict) or not {"format", "digest"} <= set(header):
        raise InputError(f"{path}: no model of auric; give a file that auric wrote")
    if name is not None and header["format"] != name:
        raise InputError(f"{path}: its format is '{header['format']}' where '{name}' is needed; give another file")
    if header.pop("digest") != _digest(header, arrays):
        raise InputError(f"{path}: its content does not fit its digest: changed or damaged; train the model again")
    return header, arrays


def save_model(path: str | Path, model: Model, trained_on: Mapping[str, Any]) -> None:
    """Write a fitted EMLM or MLM, a domain, or conformal intervals.

    Args:
        path: File ending in npz.
        model: The model.
        trained_on: See `write_model`.

    Raises:
        InputError: A model that is not fitted or of another kind; as `write_model`.
    """
    kind = type(model).__name__
    if kind not in KINDS:
        raise InputError(f"a model of kind {kind} cannot be saved here; choose from {', '.join(KINDS)}")
    settings, arrays = KINDS[kind][0](model)
    header = {"format": FORMATS[kind], "settings": settings, "trained_on": dict(trained_on)}
    write_model(path, header, arrays)


def load_model(path: str | Path) -> tuple[Model, dict[str, Any]]:
    """The model that was saved, equal to it bit for bit, and what it was trained on.

    Raises:
        InputError: As `read_model`.
    """
    header, arrays = read_model(path)
    kinds = {name: kind for kind, name in FORMATS.items()}
    if (kind := kinds.get(header["format"])) is None:
        raise InputError(f"{path}: its format is '{header['format']}'; here {', '.join(kinds)} are loaded")
    try:
        return KINDS[kind][1](header["settings"], arrays), header["trained_on"]
    except DAMAGE as error:
        raise InputError(f"{path}: a part of the {kind} model is missing ({error}); train it again") from error


def _digest(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Of the header and all arrays with their names, types and shapes."""
    parts: list[str | bytes] = [json.dumps(header, sort_keys=True, allow_nan=False)]
    for name in sorted(arrays):
        array = arrays[name]
        parts += [name, array.dtype.str, str(array.shape), array.tobytes()]
    return digest(*parts, length=64)


def _from_learner(model: Emlm | Mlm) -> Contents:
    if not hasattr(model, "weights_"):
        raise InputError(f"a {type(model).__name__} that is not fitted cannot be saved; call fit first")
    settings = model.get_params(deep=False)
    arrays: dict[str, np.ndarray] = {"centred": model.to_references_.centred, "centre": model.to_references_.centre}
    if np.ndim(model.references):
        arrays["references"] = np.asarray(settings.pop("references"))
    if model.to_references_.basis is not None:
        arrays["basis"] = model.to_references_.basis
    if model.scaler_ is not None:
        arrays |= {f"scaler.{name}": array for name, array in model.scaler_.parts().items()}
    fitted = {name: getattr(model, name) for name in model.FITTED}
    arrays |= {f"fitted.{name}": value for name, value in fitted.items() if isinstance(value, np.ndarray)}
    plain = {name: value for name, value in fitted.items() if not isinstance(value, np.ndarray)}
    parameters = {name: value.item() if isinstance(value, np.generic) else value for name, value in settings.items()}
    return {"parameters": parameters, "fitted": plain}, arrays


def _to_learner(make: Callable[..., DistanceModel]) -> Callable[[dict[str, Any], dict[str, np.ndarray]], Any]:
    def build(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
        parameters = dict(settings["parameters"])
        if "references" in arrays:
            parameters["references"] = arrays["references"]
        model = make(**parameters)
        scaler = {name.removeprefix("scaler."): array for name, array in arrays.items() if name.startswith("scaler.")}
        model.scaler_ = FeatureScaler.from_parts(scaler) if scaler else None
        model.to_references_ = DistancesTo.from_centred(arrays["centred"], arrays["centre"], arrays.get("basis"))
        for name in model.FITTED:
            kept = arrays.get(f"fitted.{name}")
            setattr(model, name, settings["fitted"][name] if kept is None else kept)
        return model

    return build


def _from_domain(domain: TrainingDomain) -> Contents:
    to_references = domain.to_references
    arrays = {"centred": to_references.centred, "centre": to_references.centre, "training": domain.training}
    return {"quantile": domain.quantile, "memory_mib": domain.memory_mib}, arrays


def _to_domain(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> TrainingDomain:
    to_references = DistancesTo.from_centred(arrays["centred"], arrays["centre"])
    return TrainingDomain.from_parts(to_references, arrays["training"], **settings)


def _from_intervals(intervals: ConformalIntervals) -> Contents:
    settings = {name: getattr(intervals, name) for name in ("coverage", "correction", "centred", "runs", "frames")}
    return settings, {"half_width": np.array(intervals.half_width)}  # may be infinite, which JSON cannot say


def _to_intervals(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> ConformalIntervals:
    return ConformalIntervals(**settings, half_width=float(arrays["half_width"]))


KINDS: dict[str, tuple[Callable[[Any], Contents], Callable[[dict[str, Any], dict[str, np.ndarray]], Any]]] = {
    "Emlm": (_from_learner, _to_learner(Emlm)),
    "Mlm": (_from_learner, _to_learner(Mlm)),
    "TrainingDomain": (_from_domain, _to_domain),
    "ConformalIntervals": (_from_intervals, _to_intervals),
}
FORMATS = {kind: f"auric {kind} 1" for kind in KINDS}
