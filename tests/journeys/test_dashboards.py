"""What every dashboard and console page shows has data while customers are hurt, in a whole game on a twin."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path

import boto3
import pytest
import requests

import chaosgood_ext
from chaosgood_ext.record.event import Event, Kind
from chaosgood_ext.record.folder import all_games
from chaosgood_ext.record.log import read
from chaosgood_ext.report.post_mortem import summary
from chaosgood_ext.scenario.load import load
from chaosgood_ext.twin import launcher
from tests.fakes.waiting import eventually

SCENARIO = Path(__file__).parents[2] / "experiments" / "sg-break.yaml"
STACK = Path(chaosgood_ext.__file__).parent / "stack"
ETC = STACK / "monitoring/etc"
DASHBOARDS = sorted((ETC / "grafana/dashboards").glob("*.json"))
CONSOLES = sorted((ETC / "prometheus/consoles").glob("*.html"))
QUERY_IN_TEMPLATE = re.compile(r'\bquery ("(?:[^"\\]|\\.)*")')
LABEL_IN_GRAFANA = re.compile(r"\{\{\s*(\w+)\s*\}\}")
LABEL_IN_CONSOLE = re.compile(r"\[\[\s*(\w+)\s*\]\]")


@dataclass(frozen=True)
class Shown:
    """Something that `page` draws: an expression, and the labels that its series are called by."""

    page: str
    title: str
    expression: str
    labels: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.page}, {self.title or 'a table'}: {self.expression}"


class ConsolePage(HTMLParser):
    """A console page as a browser gets it: what its scripts will ask for, and the files that it needs."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__()
        self.name, self.shown, self.files = name, list[Shown](), list[str]()
        self._text = ""
        self.feed(text)
        self.close()

    def handle_data(self, data: str) -> None:
        self._text = data.strip() or self._text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "data-expr" in given:
            labels = frozenset(LABEL_IN_CONSOLE.findall(given.get("data-name", "")))
            self.shown.append(Shown(self.name, self._text, given["data-expr"], labels))
        self.files += [given[key] for key in ("src", "href") if key in given]


@dataclass(frozen=True)
class Prometheus:
    """The twin's, as who looks at it from this machine has it."""

    url: str

    def lacks(self, shown: Shown) -> str:
        """What is wrong with what the expression gives now: no finite value, or a series without a label."""
        answer = requests.get(f"{self.url}/api/v1/query", {"query": shown.expression}, timeout=5).json()
        if answer["status"] != "success":
            return f"{answer['errorType']}: {answer['error']}"
        series = answer["data"]["result"]
        if not any(math.isfinite(float(one["value"][1])) for one in series):
            return "no number" if series else "no series"
        lacking = {label for one in series for label in shown.labels - one["metric"].keys()}
        return f"no label {', '.join(sorted(lacking))}" if lacking else ""

    def page(self, file: Path) -> ConsolePage:
        answer = requests.get(f"{self.url}/consoles/{file.name}", timeout=5)
        assert answer.status_code == 200, answer.text
        assert answer.text.rstrip().endswith("</html>")
        assert "no value" not in answer.text  # what the template's language writes for what there is not
        return ConsolePage(file.name, answer.text)


@dataclass
class Outage:
    """A game whose responder has been paged, and repairs as soon as all has been looked at."""

    twin: launcher.RunningTwin
    folder: Path
    looked_at: Path
    game: subprocess.Popen[bytes]

    @property
    def prometheus(self) -> Prometheus:
        return Prometheus(self.twin.outputs["urls"]["prometheus"]["url"])

    def paged(self) -> bool:
        assert self.game.poll() is None, self.said()
        return any(event.type == Kind.RESPONDER_STARTED for event in self.events())

    def events(self) -> list[Event]:
        return [event for one in all_games(self.folder / "games") for event in read(one.events).events]

    def said(self) -> str:
        return (self.folder / "output").read_text()

    @cached_property
    def verdict(self) -> str:
        """What it comes to: ends the outage."""
        eventually(self._let_repair, 20, "the responder waits")
        self.game.wait(90)
        return str(summary(all_games(self.folder / "games")[0])["verdict"])

    def _let_repair(self) -> bool:
        assert self.game.poll() is None, self.said()
        try:
            waiting = os.open(self.looked_at, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads
            return False
        with os.fdopen(waiting, "w") as file:
            file.write("\n")
        return True

    def calls_as_facilitator(self) -> set[str]:
        """The actions that the game asked of AWS for itself, as policies name them."""
        keys = self.twin.outputs["credentials"]["facilitator"]
        client = boto3.client(
            "cloudtrail", self.twin.outputs["region"], endpoint_url=self.twin.outputs["endpoint_url"],
            aws_access_key_id=keys["access_key_id"], aws_secret_access_key=keys["secret_access_key"],
            aws_session_token=keys["session_token"],
        )  # fmt: skip
        pages = client.get_paginator("lookup_events").paginate(StartTime=self.events()[0].time)
        calls = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
        return {
            f"{call['eventSource'].partition('.')[0]}:{call['eventName']}"
            for call in calls
            if "/AWSReservedSSO_Facilitator" in call["userIdentity"].get("arn", "")
        }


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    folder = tmp_path_factory.mktemp("dashboards")
    looked_at = folder / "looked-at"
    os.mkfifo(looked_at)
    repair = f"chaos shell -- bash -euo pipefail -c {shlex.quote(load(SCENARIO)[1].play('rule-by-group').run)}"
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CHAOSGOOD_"))}
    twin = launcher.boot(private=True)
    variables = {
        **own, "CHAOSGOOD_CACHE": os.environ["CHAOSGOOD_CACHE"], "CHAOSGOOD_TWIN": twin.name,
        "CHAOSGOOD_GAMES": str(folder / "games"), "CHAOSGOOD_RESPONDER": "command",
        "CHAOSGOOD_COMMAND": f"read -r < {shlex.quote(str(looked_at))} && {repair}",
    }  # fmt: skip
    with (folder / "output").open("wb") as output:
        game = subprocess.Popen(
            [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", str(SCENARIO)],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=variables,
        )  # fmt: skip
    played = Outage(twin, folder, looked_at, game)
    try:
        eventually(played.paged, 90, "the responder is paged")
        yield played
    finally:
        if game.poll() is None:
            game.terminate()
            game.wait(30)
        launcher.shut_down(twin)


def of_grafana(file: Path) -> list[Shown]:
    dashboard = json.loads(file.read_text())
    asked = [(panel["title"], target) for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [(annotation["name"], annotation) for annotation in dashboard["annotations"]["list"]]
    found = []
    for title, one in asked:
        name = one.get("legendFormat") or one.get("titleFormat") or ""
        found.append(Shown(file.name, title, one["expr"], frozenset(LABEL_IN_GRAFANA.findall(name))))
    assert file.read_text().count('"expr"') == len(found), f"{file.name} has expressions where none is looked for"
    return found


def nothing_is_lacking(prometheus: Prometheus, shown: list[Shown]) -> None:
    """Each has had data at some moment: not all fails in the first second of an outage."""
    lacking = dict.fromkeys(shown, "not asked")

    def all_have_data() -> bool:
        answers = {one: prometheus.lacks(one) for one in lacking}
        lacking.clear()
        lacking.update({one: what for one, what in answers.items() if what})
        return not lacking

    with contextlib.suppress(AssertionError):  # said below, of each
        eventually(all_have_data, 15)
    if lacking:
        pytest.fail("\n".join(f"{one}: {what}" for one, what in lacking.items()), pytrace=False)


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_every_expression_of_a_dashboard_has_data(outage: Outage, file: Path) -> None:
    nothing_is_lacking(outage.prometheus, of_grafana(file))


@pytest.mark.parametrize("file", CONSOLES, ids=lambda file: file.name)
def test_every_expression_of_a_console_page_has_data(outage: Outage, file: Path) -> None:
    shown = outage.prometheus.page(file).shown
    assert len(shown) > 3
    in_template = [Shown(file.name, "", json.loads(query)) for query in QUERY_IN_TEMPLATE.findall(file.read_text())]
    nothing_is_lacking(outage.prometheus, shown + in_template)


@pytest.mark.parametrize("file", CONSOLES, ids=lambda file: file.name)
def test_whatever_a_console_page_links_to_is_there(outage: Outage, file: Path) -> None:
    files = outage.prometheus.page(file).files
    assert files
    for name in files:
        address = requests.compat.urljoin(f"{outage.prometheus.url}/consoles/", name)
        assert requests.get(address, timeout=5).status_code == 200, address


def test_the_page_leads_to_a_console_page_on_which_the_alert_stands(outage: Outage) -> None:
    alerts = requests.get(f"{outage.prometheus.url}/api/v1/alerts", timeout=5).json()["data"]["alerts"]
    (paging,) = [one for one in alerts if one["labels"].get("page") == "true"]
    assert paging["state"] == "firing"
    leads_to = ETC / "prometheus" / paging["annotations"]["dashboard"].lstrip("/")
    assert leads_to in CONSOLES
    assert "data-alerts" in requests.get(outage.prometheus.url + paging["annotations"]["dashboard"], timeout=5).text


# The last two end the outage.


def test_it_was_an_outage_that_its_responder_ended(outage: Outage) -> None:
    assert outage.verdict == "resolved", outage.said()


def test_a_workflow_may_do_what_a_game_does_as_its_facilitator(outage: Outage) -> None:
    assert outage.verdict
    statements = [
        statement
        for name in ("ci", "injector")
        for statement in json.loads((STACK / f"policies/{name}.json").read_text())["Statement"]
    ]
    actions = [statement["Action"] for statement in statements if statement["Effect"] == "Allow"]
    allowed = {action for some in actions for action in ([some] if isinstance(some, str) else some)}
    called = outage.calls_as_facilitator()
    assert {"cloudtrail:LookupEvents", "ec2:AuthorizeSecurityGroupIngress", "sts:AssumeRole"} <= called
    assert {call for call in called if not any(fnmatch.fnmatch(call, action) for action in allowed)} == set()
