"""Which models of this room can be saved by themselves, and what of them goes into a file (`auric.modelfile`)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auric.descriptors import FeatureScaler
from auric.errors import InputError
from auric.modelfile import Contents, fitting, read_model, write_model
from auric.potential.conformal import ConformalIntervals
from auric.potential.distances import DistancesTo
from auric.potential.domain import TrainingDomain
from auric.potential.emlm import DistanceModel, Emlm
from auric.potential.mlm import Mlm

Model = Emlm | Mlm | TrainingDomain | ConformalIntervals


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
    with fitting(path, f"{kind} model"):
        return KINDS[kind][1](header["settings"], arrays), header["trained_on"]


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
