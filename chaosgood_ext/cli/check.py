"""`chaos check`: every problem of an experiment, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaosgood_ext.scenario.check.knowledge import Knowledge
    from chaosgood_ext.scenario.check.problem import Problem

FORMATS = ("text", "json", "github", "sarif")


@click.command()
@click.argument("places", nargs=-1, metavar="[FILE|FOLDER]…")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="How problems are printed.")
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
@click.option("--ignore", multiple=True, metavar="ID", help="Leave out a check; may be given several times.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of experiments, for editors, and stop.")
def check(
    places: tuple[str, ...], form: str, as_json: bool, strict: bool, ignore: tuple[str, ...], schema: bool
) -> None:
    """Tell everything that is wrong with experiments (of experiments/, when none is named).

    Each problem has its place, what is wrong and what was probably meant. Nothing of an experiment is run, and
    no environment, network or secret is needed. Any experiment of Chaos Toolkit can be checked; scenarios of
    Chaotic Good are held to more. In folders, files that are no experiment by their looks are passed over.

    Ends with 0 when all is fine, with 1 when there are errors, and with 2 when there is nothing to check.
    """
    import sys
    from pathlib import Path

    from chaosgood_ext.cli.common import reported

    with reported():
        if schema:
            _print_schema()
            return
        problems, checked = examine([Path(place) for place in places], ignore)
        _print(problems, checked, "json" if as_json else form)
        if any(strict or problem.severity == "error" for problem in problems):
            sys.exit(1)


def examine(places: Sequence[Path], ignore: Sequence[str] = ()) -> tuple[list[Problem], int]:
    """All problems of the experiments at `places`, but for those of the checks to `ignore`, and how many were checked.

    Raises :class:`~chaosgood_ext.errors.BadInput` for a place or a check that is not there, and where there is no
    experiment at all.
    """
    from pathlib import Path

    from chaosgood_ext.errors import BadInput
    from chaosgood_ext.scenario.check.checker import check_file, files_in
    from chaosgood_ext.scenario.check.problem import closest
    from chaosgood_ext.scenario.check.rules import CHECKS, READING

    known = {*CHECKS, *READING}
    for name in ignore:
        if name not in known:
            meant = closest(name, known)
            raise BadInput(f"There is no check {name!r}.", f"Did you mean {meant}?" if meant else "")
    default = Path("experiments")
    if not places and not default.is_dir():
        raise BadInput("There is no folder experiments/ here.", "Name a file or a folder to check.")
    knowledge = knowledge_of_games()
    found = [
        problems
        for path, named in files_in(places or [default])
        if (problems := check_file(path, knowledge, named=named)) is not None
    ]
    if not found:
        raise BadInput("There is no experiment to check.", "Name a file, or a folder with YAML or JSON files.")
    return [each for problems in found for each in problems if each.id not in ignore], len(found)


def knowledge_of_games() -> Knowledge:
    """What checks know of this machine and of the games that this version plays."""
    from chaosgood_ext.environment import outputs
    from chaosgood_ext.game.settings import Settings
    from chaosgood_ext.scenario.check.knowledge import Knowledge
    from chaosgood_ext.scenario.template import variable_of

    switches = {name: variable_of(name) for name in Settings.__dataclass_fields__}
    properties = outputs.schema()["properties"]
    example = outputs.Outputs(
        kind="twin",
        name="",
        region="",
        account_id="",
        endpoint_url=None,
        resources=dict.fromkeys(properties["resources"]["required"], ""),
        urls=dict.fromkeys(properties["urls"]["required"], outputs.Url("", "direct")),
        timing=outputs.Timing(1, 1, 1),
        credentials={},
    )
    return Knowledge(
        inverses=_inverses,
        switches=switches,
        placeholder=outputs.FROM_ENVIRONMENT,
        placeholders=frozenset(example.configuration()),
        control="chaosgood_ext.game.control",
    )


def _inverses() -> frozenset[tuple[str, str]]:
    from chaosgood_ext.game.inverses import HARMLESS, PLANNERS

    return HARMLESS.union(PLANNERS)


def _print_schema() -> None:
    import json

    from chaosgood_ext.scenario.check.modules import Modules
    from chaosgood_ext.scenario.check.schema import installed_faces, schema_of_experiments

    modules = Modules()
    print(json.dumps(schema_of_experiments(modules, installed_faces(modules)), indent=1))


def _print(problems: Sequence[Problem], checked: int, form: str) -> None:
    import sys
    from importlib.metadata import version

    from chaosgood_ext.scenario.check import formats

    texts = {
        "text": lambda: formats.as_text(problems),
        "json": lambda: formats.as_json(problems, checked),
        "github": lambda: formats.as_github(problems),
        "sarif": lambda: formats.as_sarif(problems, version("chaotic-good")),
    }
    if text := texts[form]():
        print(text)
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    said = "no problems" if not problems else f"{_number(errors, 'error')}, {_number(warnings, 'warning')}"
    print(f"{_number(checked, 'experiment')} checked: {said}", file=sys.stderr)


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
