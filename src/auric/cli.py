"""The command line for people; the workflow calls functions instead."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from auric import __version__
from auric.configuration import load_yaml, settings_page
from auric.errors import EXIT_OK, AuricError, InputError
from auric.files import read_tables
from auric.results import results_page


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code is one of `auric.errors`."""
    parser = argparse.ArgumentParser(prog="auric", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    scorecard = commands.add_parser("scorecard", help="print a study's scorecard, ours beside the paper's")
    scorecard.add_argument("results", type=Path, help="folder of a study, such as results/demo")
    settings = commands.add_parser("settings", help="print the page of all settings (Markdown)")
    settings.add_argument("--schema", type=Path, default=Path("workflow/schemas/config.schema.yaml"))
    results = commands.add_parser("results", help="print the page of kept results (Markdown)")
    results.add_argument("--docs", type=Path, default=Path("docs"))
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "scorecard":
            print(_scorecard(chosen.results))
        elif chosen.command == "settings":
            print(settings_page(load_yaml(chosen.schema)), end="")
        else:
            print(results_page(chosen.docs), end="")
    except AuricError as error:
        print(f"auric: {error}", file=sys.stderr)
        return error.exit_code
    return EXIT_OK


def _scorecard(results: Path) -> str:
    fragments = sorted((results / "scorecard").glob("*.csv"))
    if not fragments:
        raise InputError(f"{results}: no scorecard in it; run the study first, e.g. `make run`")
    table = read_tables(fragments)
    shown = table[["system", "quantity", "unit", "split", "subject", "ours", "ci_low", "ci_high", "paper", "n"]]
    return str(shown.to_string(index=False, na_rep="-", float_format=lambda value: f"{value:.4g}"))


if __name__ == "__main__":
    sys.exit(main())
