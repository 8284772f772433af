"""The monitoring host's programs with their real files and command lines; only machine paths and ports are changed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
import requests
import yaml

from chaosgood_ext.twin.hosts.files import disk_of

from .conftest import STACK, Postgres, Programs, free_port, wait_for

ETC = STACK / "monitoring/etc"
CONSOLES = sorted((ETC / "prometheus/consoles").glob("*.html"))
DASHBOARDS = sorted((ETC / "grafana/dashboards").glob("*.json"))
_TILE_OR_CHART = re.compile(r'\{\{ template "(?:tile|chart)" \(args "(?:[^"\\]|\\.)*" ("(?:[^"\\]|\\.)*")')


def console_expressions(page: Path) -> list[str]:
    return [json.loads(found) for found in _TILE_OR_CHART.findall(page.read_text())]


def grafana_expressions(dashboard: Path) -> list[str]:
    panels = json.loads(dashboard.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.fixture(params=["aws", "twin"])
def prometheus_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """`/etc/prometheus` of an environment, as the monitoring host there has it."""
    for name, text in disk_of("monitoring", with_common=False).files.items():
        original = STACK / "monitoring" / name.lstrip("/")
        path = tmp_path / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(original.read_text() if request.param == "aws" else text)
    folder = tmp_path / "etc/prometheus"
    config = folder / "prometheus.yml"
    config.write_text(config.read_text().replace("/etc/prometheus", str(folder)))
    return folder


def test_prometheus_accepts_its_configuration_and_rules(programs: Programs, prometheus_folder: Path) -> None:
    done = programs.run("promtool", "check", "config", prometheus_folder / "prometheus.yml")
    assert done.returncode == 0, done.stdout


def test_rules_fire_when_they_should(programs: Programs, tmp_path: Path) -> None:
    for file in (ETC / "prometheus/chaosgood.rules.yml", Path(__file__).with_name("chaosgood.rules.test.yml")):
        (tmp_path / file.name).write_text(file.read_text())
    done = programs.run("promtool", "test", "rules", "chaosgood.rules.test.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_every_alert_has_words_and_a_severity_and_only_symptoms_page() -> None:
    groups = yaml.safe_load((ETC / "prometheus/chaosgood.rules.yml").read_text())["groups"]
    alerts = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    for alert in alerts.values():
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert {"summary", "description"} <= set(alert["annotations"])
    paging = {name for name, alert in alerts.items() if alert["labels"].get("page") == "true"}
    assert paging == {"ShopUserJourneysFailing", "ShopUnobserved"}


def test_alertmanager_and_prober_accept_their_configuration(programs: Programs) -> None:
    assert programs.run("amtool", "check-config", ETC / "prometheus/alertmanager.yml").returncode == 0
    checked = programs.run(
        "prometheus-blackbox-exporter", "--config.check", "--config.file", ETC / "prometheus/blackbox.yml"
    )
    assert checked.returncode == 0, checked.stdout


class Application(BaseHTTPRequestHandler):
    """A shop that works, or fails when told to."""

    broken = False
    orders: list[bytes]

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        self.orders.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201)

    def _answer(self, status: int) -> None:
        self.send_response(503 if type(self).broken else status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Monitoring:
    prometheus: str
    alertmanager: str
    aws: str
    application: type[Application]

    def query(self, expression: str) -> list[dict[str, object]]:
        answer = requests.get(f"{self.prometheus}/api/v1/query", {"query": expression}, timeout=5).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        return answer["data"]["result"]  # type: ignore[no-any-return]

    def value(self, expression: str) -> float | None:
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else None  # type: ignore[index]

    def paging(self) -> list[dict[str, dict[str, str]]]:
        answer = requests.get(f"{self.alertmanager}/api/v2/alerts", {"filter": 'page="true"'}, timeout=5)
        return answer.json()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def monitoring(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitoring]:
    """All of the monitoring host's units, started by their own command lines, as the twin has them."""
    folder = tmp_path_factory.mktemp("monitoring")
    application = type("ThisApplication", (Application,), {"orders": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), application)
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "prober", "postgres", "aws")}
    changes = {
        "/etc/prometheus": str(folder / "etc/prometheus"),
        "/var/lib/prometheus": str(folder / "var"),
        "http://shop.chaosgood.internal": f"http://127.0.0.1:{server.server_port}",
        "http://10.0.0.2:4566": f"http://127.0.0.1:{ports['aws']}",
        "9090": str(ports["prometheus"]),
        "9093": str(ports["alertmanager"]),
        "9115": str(ports["prober"]),
        "9187": str(ports["postgres"]),
    }

    def changed(text: str) -> str:
        for find, replace in changes.items():
            text = text.replace(find, replace)
        return text

    disk = disk_of("monitoring", with_common=False)
    for name, text in disk.files.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changed(text))
    with ExitStack() as running, pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "test")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.callback(server.shutdown)
        moto = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(ports["aws"])],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        running.callback(moto.wait, 5)
        running.callback(moto.terminate)
        for unit in disk.units:
            program, *arguments = unit.exec_start
            for name, value in unit.environment.items():
                environment.setenv(name, value)
            running.enter_context(
                programs.running(Path(program).name, *map(changed, arguments), log=folder / f"{unit.name}.log")
            )
        made = Monitoring(
            *(f"http://127.0.0.1:{ports[name]}" for name in ("prometheus", "alertmanager", "aws")), application
        )
        wait_for(lambda: requests.get(f"{made.prometheus}/-/ready", timeout=1).ok, "Prometheus is ready")
        wait_for(lambda: requests.get(f"{made.alertmanager}/-/ready", timeout=1).ok, "Alertmanager is ready")
        wait_for(lambda: made.value("shop:journey_success_ratio:5s") == 1, "good journeys")
        yield made


def test_prober_makes_every_journey_and_orders_as_the_shop_expects(monitoring: Monitoring) -> None:
    def successful() -> set[str]:
        return {result["metric"]["journey"] for result in monitoring.query("journey:success_ratio:5s == 1")}  # type: ignore[index]

    wait_for(lambda: successful() == {"home", "product", "order"}, "three good journeys")
    assert json.loads(monitoring.application.orders[-1]) == {"product_id": 8, "quantity": 1, "customer": "prober"}


def test_outage_reaches_alertmanager_within_seconds_and_leaves_with_it(monitoring: Monitoring) -> None:
    assert monitoring.paging() == []
    monitoring.application.broken = True
    page = wait_for(monitoring.paging, "the page", deadline_s=6)[0]
    assert page["labels"]["alertname"] == "ShopUserJourneysFailing"
    assert "of user requests fail" in page["annotations"]["summary"]
    monitoring.application.broken = False
    wait_for(lambda: not monitoring.paging(), "the end of the alert", deadline_s=12)


def test_hosts_are_found_by_their_tags_and_scraped_on_the_ports_of_their_tier(monitoring: Monitoring) -> None:
    ec2 = boto3.client("ec2", endpoint_url=monitoring.aws, region_name="us-east-1")
    image = ec2.register_image(Name="any")["ImageId"]  # moto may be told to know none of Amazon's
    addresses = {}
    for tier in ("web", "app", "workstation"):
        tags = [{"Key": "tier", "Value": tier}, {"Key": "project", "Value": "chaosgood"}]
        made = ec2.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
        )["Instances"][0]
        addresses[tier] = made["PrivateIpAddress"]
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)

    def targets() -> set[tuple[str, str, str]]:
        answer = requests.get(f"{monitoring.prometheus}/api/v1/targets", {"state": "active"}, timeout=5).json()
        return {
            (target["labels"]["job"], target["labels"].get("tier", ""), target["scrapeUrl"].split("/")[2])
            for target in answer["data"]["activeTargets"]
            if target["labels"]["job"] in {"node", "nginx", "access-log"}
        }

    expected = {
        ("node", "web", f"{addresses['web']}:9100"),
        ("node", "app", f"{addresses['app']}:9100"),
        ("nginx", "web", f"{addresses['web']}:9113"),
        ("access-log", "web", f"{addresses['web']}:3903"),
    }
    wait_for(lambda: targets() == expected, "the targets")


@pytest.mark.parametrize("page", CONSOLES, ids=lambda page: page.name)
def test_console_page_is_made_and_names_no_file_that_is_missing(
    monitoring: Monitoring, programs: Programs, page: Path
) -> None:
    answer = requests.get(f"{monitoring.prometheus}/consoles/{page.name}", timeout=5)
    assert answer.status_code == 200, answer.text
    assert "</html>" in answer.text
    for file in re.findall(r'(?:src|href)="/classic/static/([^"]+)"', answer.text):
        roots = [programs.tree / "usr", Path("/usr")]
        assert any((root / "share/prometheus/web/static" / file).exists() for root in roots), file


@pytest.mark.parametrize("page", CONSOLES, ids=lambda page: page.name)
def test_every_expression_of_a_console_page_can_be_queried(monitoring: Monitoring, page: Path) -> None:
    expressions = console_expressions(page)
    assert len(expressions) > 3
    for expression in expressions:
        monitoring.query(expression)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_grafana_shows_what_the_console_page_shows(monitoring: Monitoring, dashboard: Path) -> None:
    expressions = grafana_expressions(dashboard)
    for expression in expressions:
        monitoring.query(expression)
    page = ETC / "prometheus/consoles" / f"{dashboard.stem}.html"
    assert [expression for expression in expressions if expression != "ALERTS"] == console_expressions(page)


def test_grafana_is_told_where_its_dashboards_and_prometheus_are() -> None:
    provisioning = ETC / "grafana/provisioning"
    source = yaml.safe_load((provisioning / "datasources/chaosgood.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((provisioning / "dashboards/chaosgood.yml").read_text())["providers"][0]
    assert STACK / "monitoring" / provider["options"]["path"].lstrip("/") == DASHBOARDS[0].parent
    for dashboard in DASHBOARDS:
        panels = json.loads(dashboard.read_text())["panels"]
        assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
        assert len({panel["id"] for panel in panels}) == len(panels)


def test_exporter_shows_the_databases_connections_and_their_limit(
    programs: Programs, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = {unit.name: unit for unit in disk_of("monitoring", with_common=False).units}
    unit = units["prometheus-postgres-exporter"]
    source = unit.environment["DATA_SOURCE_URI"].replace("database.chaosgood.internal:5432/shop", "{}/postgres")
    monkeypatch.setenv("DATA_SOURCE_URI", source.format(f"127.0.0.1:{postgres.port}"))
    monkeypatch.setenv("DATA_SOURCE_USER", unit.environment["DATA_SOURCE_USER"])
    monkeypatch.setenv("DATA_SOURCE_PASS", "unused")
    port = free_port()
    arguments = [word.replace("9187", str(port)) for word in unit.exec_start[1:]]
    with programs.running("prometheus-postgres-exporter", *arguments, log=tmp_path / "exporter.log"):
        text = wait_for(lambda: requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text, "figures")
    assert re.search(r"^pg_up 1$", text, re.MULTILINE)
    assert re.search(r"^pg_settings_max_connections\{.*\} 60$", text, re.MULTILINE)
    assert re.search(r'^pg_stat_activity_count\{datname="postgres",.*state="active"', text, re.MULTILINE)
