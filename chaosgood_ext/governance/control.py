"""The control that makes an experiment a look at its environment: `module: chaosgood_ext.governance.control`.

It gets the environment as a game does, asks as its facilitator, prints the rulings as a table, and lets the run fail
where a rule does: Chaos Toolkit itself takes no notice of what probes of a method return. There is no game.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from chaoslib.run import RunEventHandler

from chaosgood_ext.environment import find
from chaosgood_ext.errors import ChaosGoodError
from chaosgood_ext.game.settings import fill
from chaosgood_ext.record.folder import GameFolder, create
from chaosgood_ext.report import compliance
from chaosgood_ext.report.table import table

logger = logging.getLogger("chaostoolkit")


@dataclass
class _Run:
    """What is known of the run in this process."""

    environment: find.Environment | None = None
    folder: GameFolder | None = None
    variables: dict[str, str | None] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)


_run = _Run()


def configure_control(
    experiment: dict[str, Any], configuration: dict[str, Any], event_registry: Any = None, **_: Any
) -> None:
    """Get the environment, and fill `configuration` in place from its outputs.

    Ends the process where there is none: Chaos Toolkit would go on and ask some other account.
    """
    if _run.environment is not None or experiment.get("dry"):
        return
    context = click.get_current_context(silent=True)
    source = str(context.params.get("source") or "experiment") if context is not None else "experiment"
    if context is not None:
        context.call_on_close(_close)
    try:
        environment = _find(str(configuration.get("environment") or "twin"))
        _run.environment = environment
        fill(configuration, environment.outputs, source)
        _run.folder = create(Path(source).stem)
    except ChaosGoodError as failure:
        _leave(failure)
    _run.about = {
        "environment": environment.label,
        "account": environment.outputs.account_id,
        "asked": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "experiment": source,
    }
    variables = {**environment.outputs.aws_variables("facilitator"), "AWS_EC2_METADATA_DISABLED": "true"}
    if environment.twin is not None:
        variables |= {name: _direct(os.environ.get(name)) for name in ("NO_PROXY", "no_proxy")}
    for name, value in variables.items():
        _run.variables[name] = os.environ.get(name)
        os.environ[name] = value
    if event_registry is not None:
        event_registry.register(_Finish())


def after_experiment_control(context: Mapping[str, Any], state: dict[str, Any] | None, **_: Any) -> None:
    """Print the table; the run has failed where a rule does not hold, or could not be asked."""
    del context
    if _run.environment is None or state is None:
        return
    rulings = compliance.of(state)
    click.echo("\n" + table(compliance.HEADERS, compliance.rows(rulings)))
    click.echo("\n" + compliance.headline(rulings))
    for line in compliance.details(rulings):
        click.echo(f"  {line}")
    if state["status"] == "completed" and not (rulings and all(one.good for one in rulings)):
        state["status"] = "failed"


class _Finish(RunEventHandler):  # type: ignore[misc]
    """Hears when Chaos Toolkit has nothing more to write into the journal."""

    def finish(self, journal: dict[str, Any]) -> None:
        """Keep the journal and the report."""
        if _run.folder is None:
            return
        try:
            _run.folder.write_journal(journal)
            report = compliance.write(_run.folder.path, str(journal["experiment"]["title"]), _run.about)
            click.echo(f"Report: {report}")
        except ChaosGoodError as failure:
            logger.error(str(failure))


def _find(kind: str) -> find.Environment:
    """The environment; on aws one that expired is looked at too, and no port forward is opened: nobody looks at a
    dashboard.

    Raises :class:`EnvironmentUnavailable` where there is none, or the credentials are of another account: half of the
    rules would speak of that one.
    """
    if kind == "aws":
        from chaosgood_ext.environment.aws import standing

        outputs = find.read_aws()
        standing.must_be_of_its_account(outputs)
        return find.Environment(outputs)
    return find.find(kind, lambda text: logger.info(f"twin: {text} …"))


def _direct(value: str | None) -> str:
    return ",".join(filter(None, [value, "127.0.0.1,localhost"]))


def _leave(failure: ChaosGoodError) -> NoReturn:
    logger.error(str(failure))
    _close()
    raise SystemExit(failure.exit_status)


def _close() -> None:
    """Let go of the environment; a private twin goes."""
    environment, _run.environment, _run.folder = _run.environment, None, None
    for name, value in _run.variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _run.variables.clear()
    if environment is not None:
        environment.close()
