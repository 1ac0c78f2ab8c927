"""The pages of a report: what is on each, in which order, and what the list of contents says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Section:
    """A place on a page.

    Attributes:
        anchor: Its identifier.
        title: In the list of contents.
    """

    anchor: str
    title: str


@dataclass(frozen=True)
class Chapter:
    """A page.

    Attributes:
        file: Its name.
        title: In the list of contents.
        parts: Templates, one below the other.
        sections: What the list of contents names of it.
    """

    file: str
    title: str
    parts: tuple[str, ...]
    sections: tuple[Section, ...] = ()


RULER = (
    ("ruler", ("parity", "Predicted and true"), ("bins", "Error by bond length"), ("learning", "Learning curves"), ("images", "Images")),
    ("explained", ("explained", "What ELFnet sees")),
    ("explored", ("explored", "Model exploration")),
    ("masks", ("masks", "Geometry or bonding")),
    ("distortions", ("distortions", "Distorted bonds")),
)  # fmt: skip
"""Parts of the ruler's page, and their sections."""


def chapters(content: Mapping[str, Any]) -> list[Chapter]:
    """The pages that a report has something for; the first is the one to open.

    Args:
        content: What the templates are filled with.
    """
    start = Chapter(
        "index.html",
        "Summary",
        ("summary.html", "clusters.html", "missing.html", "provenance.html"),
        (
            Section("clusters", "Clusters in 3-D"),
            Section("missing", "What is missing"),
            Section("provenance", "Provenance"),
        ),
    )
    ruler = [each for each in RULER if content[each[0]]]
    relaxations, syntheses, microscopy = content["relaxations"], content["syntheses"], content["microscopy"]
    rooms = [
        Chapter("ruler.html", "Bond ruler", tuple(f"{name}.html" for name, *_ in ruler),
                tuple(Section(*section) for _, *sections in ruler for section in sections)),
        Chapter("potentials.html", "Potentials", ("potentials.html",), _named(content["potentials"], "name")),
        Chapter("walks.html", "Monte Carlo walks", ("walks.html",), _named([*content["walks"], *content["isomers"]], "title")),
        Chapter("relaxations.html", "Relaxation", ("relaxations.html",), _named(relaxations["systems"] if relaxations else (), "system")),
        Chapter("syntheses.html", "Syntheses", ("syntheses.html",),
                _named([*syntheses["compared"], *syntheses["explained"]] if syntheses else (), "title")),
        Chapter("microscopy.html", "Micrographs", ("microscopy.html",), _named(microscopy["experiments"] if microscopy else (), "name")),
        Chapter("matching.html", "Core and ligands", ("matching.html",)),
    ]  # fmt: skip
    present = (
        ruler,
        *(content[name] for name in ("potentials", "walks", "relaxations", "syntheses", "microscopy", "matching")),
    )
    scorecard = Chapter("scorecard.html", "Scorecard", ("scorecard.html",), _named(content["rooms"], "system"))
    return [start, scorecard, *(chapter for chapter, there in zip(rooms, present, strict=True) if there)]


def _named(shown: Sequence[Mapping[str, Any]], name: str) -> tuple[Section, ...]:
    return tuple(Section(one["anchor"], str(one[name])) for one in shown)


def in_short(content: Mapping[str, Any]) -> list[dict[str, str]]:
    """One sentence, with its place, on everything that rooms beyond the ruler and the potentials found.

    Args:
        content: What the templates are filled with.
    """
    relaxations, syntheses, microscopy, matching = (
        content[name] for name in ("relaxations", "syntheses", "microscopy", "matching")
    )
    told = [
        *(("walks.html", "Walks", one["title"], one["anchor"], one["words"][0]) for one in content["walks"]),
        *(("relaxations.html", "Relaxation", one["system"], one["anchor"], one["words"][0])
          for one in (relaxations["systems"] if relaxations else ()) if one["words"]),
        *(("syntheses.html", "Syntheses", one["title"], one["anchor"], one["words"][0])
          for one in (syntheses["compared"] if syntheses else ()) if one["words"]),
        *(("microscopy.html", "Micrographs", one["name"], one["anchor"], one["words"][1])
          for one in (microscopy["experiments"] if microscopy else ())),
        *((("matching.html", "Core and ligands", "", "matching", matching["words"][min(1, len(matching["words"]) - 1)]),) if matching else ()),
    ]  # fmt: skip
    return [
        {"href": f"{file}#{anchor}", "title": f"{room}, {name}" if name else room, "sentence": sentence}
        for file, room, name, anchor, sentence in told
    ]
