"""The daemon: the one Python process inside the sandbox. It holds the cloud, the controllers and the supervisor.

It tells of its progress in JSON lines (`{"progress": …}`, then `{"ready": outputs}` or `{"error": …, "remedy": …}`),
and keeps :data:`STATUS` up to date, which the commands outside read.
"""

from __future__ import annotations

import gc
import http.client
import json
import logging
import os
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import ChaosGoodError, TwinError
from chaosgood_ext.twin.dns import Resolver
from chaosgood_ext.twin.doors import Door, open_doors
from chaosgood_ext.twin.fabric.fabric import RESOLVERS, Fabric
from chaosgood_ext.twin.hosts import http as inside
from chaosgood_ext.twin.hosts.figures import Figures
from chaosgood_ext.twin.hosts.files import STACK
from chaosgood_ext.twin.hosts.hosts import PATH, Host, Hosts
from chaosgood_ext.twin.hosts.model import HostSpec
from chaosgood_ext.twin.hosts.namespace import HOME
from chaosgood_ext.twin.hosts.supervisor import Supervisor
from chaosgood_ext.twin.sandbox import BASE, Settings

logger = logging.getLogger("chaosgood.twin")

STATUS = BASE / "status.json"
EDGE = "shop.chaosgood.internal"
INTERNET = HostSpec("internet", "internet", "203.0.113.10", guarded=False)
MONITORING_PORTS = {"prometheus": 9090, "alertmanager": 9093, "grafana": 3000}
READY_WITHIN_S = 60.0
_STATUS_PERIOD_S = 0.5


def main() -> None:
    """Bring the twin up, say so, and stay."""
    # Nearly all that starting makes stays: to look through it for garbage, again and again, is a third of its time.
    gc.disable()
    settings = Settings.load(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if settings.lifeline_fd >= 0:
        threading.Thread(target=_follow, args=(settings.lifeline_fd,), daemon=True).start()
    try:
        outputs, twin = boot(settings)
    except ChaosGoodError as problem:
        logger.exception("the twin could not be started")
        _tell(settings, {"error": problem.what, "remedy": problem.remedy})
        sys.exit(1)
    except Exception as problem:  # whatever it is, the launcher must hear of it
        logger.exception("the twin could not be started")
        _tell(settings, {"error": f"The twin could not be started: {problem!r}", "remedy": ""})
        sys.exit(1)
    from chaosgood_ext.twin.cloud.lean import give_back

    _tell(settings, {"ready": outputs})
    os.close(settings.status_fd)
    gc.collect()
    gc.freeze()
    gc.enable()
    give_back()
    while True:
        twin.write_status()
        time.sleep(_STATUS_PERIOD_S)


class Twin:
    """A running twin: its hosts, its cloud, and what is known of both."""

    def __init__(self, settings: Settings) -> None:
        topology = json.loads((STACK / "topology.json").read_text())
        BASE.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.fabric = Fabric(topology["vpc"]["cidr_block"])
        self.hosts = Hosts(self.fabric, Supervisor(), BASE / "hosts", _host_environment())
        self.resolver = Resolver()
        self.resolver.serve(RESOLVERS)
        self.hosts.create(INTERNET)
        self.figures = Figures(self.hosts)
        self.figures.start()
        self.outputs: dict[str, Any] = {}
        from chaosgood_ext.twin.cloud import lean

        lean.keep_only(topology["region"])
        lean.share_models()
        from chaosgood_ext.twin.services.cloud import Cloud  # takes most of a second to import: the hosts come first

        self.cloud = Cloud(self.hosts, self.resolver, topology, images=Path(settings.images))

    def listener(self, door: str) -> socket.socket:
        """The machine's listening socket for `door`."""
        return socket.socket(fileno=os.dup(self.settings.listeners[door]))

    def build(self) -> dict[str, Any]:
        """Serve the AWS API, build the environment, open the doors; return the outputs."""
        self.cloud.serve(self.settings.listeners["aws"])
        self.outputs = self.cloud.build(
            name=self.settings.name, endpoint_url=self.settings.urls["aws"], urls=self.settings.urls
        )
        self.give_credentials()

        def internet() -> Host | None:
            return self.hosts.get("internet")

        def monitoring() -> Host | None:
            return self.hosts.get("monitoring")

        def edge() -> tuple[str, int] | None:
            return next(((address, 80) for address in self.resolver.addresses(EDGE)), None)

        open_doors(
            [
                Door("application", self.listener("application"), internet, edge),
                *(
                    Door(name, self.listener(name), monitoring, partial(_loopback, port))
                    for name, port in MONITORING_PORTS.items()
                    if name in self.settings.listeners
                ),
            ]
        )
        return self.outputs

    def give_credentials(self) -> None:
        """Set up the AWS CLI on the responder's workstation, with the player's credentials."""
        workstation = self.hosts.get("workstation")
        if workstation is None:
            return
        keys = self.outputs["credentials"]["player"]
        region, endpoint = self.outputs["region"], f"http://{RESOLVERS[0]}:4566"
        workstation.write(
            f"{HOME}/.aws/config",
            f"[default]\nregion = {region}\nendpoint_url = {endpoint}\noutput = json\n"
            "cli_pager =\ncli_timestamp_format = iso8601\n",
        )
        workstation.write(
            f"{HOME}/.aws/credentials",
            f"[default]\naws_access_key_id = {keys['access_key_id']}\n"
            f"aws_secret_access_key = {keys['secret_access_key']}\naws_session_token = {keys['session_token']}\n",
            0o600,
        )

    def missing(self) -> list[str]:
        """What a steady state still lacks: targets, tasks, database, alert rules, a first good journey."""
        lacking = list(self.cloud.ready())
        monitoring, internet = self.hosts.get("monitoring"), self.hosts.get("internet")
        try:
            if monitoring is None:
                return [*lacking, "the monitoring host"]
            status, body = inside.get(monitoring, "127.0.0.1", 9090, "/api/v1/rules")
            if status != 200 or not json.loads(body)["data"]["groups"]:
                lacking.append("alert rules")
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            lacking.append("Prometheus")
        if not lacking and internet is not None:
            try:
                address = next(iter(self.resolver.addresses(EDGE)), "")
                status, _ = inside.get(internet, address, 80, "/", name=EDGE)
                if status != 200:
                    lacking.append(f"a good journey (the shop answers {status})")
            except (OSError, http.client.HTTPException) as problem:
                lacking.append(f"a good journey (the shop does not answer: {problem})")
        return lacking

    def write_status(self) -> None:
        """Write what the commands outside show: hosts with their first process, units, and what is unhealthy."""
        missing = self.missing() if self.outputs else ["the environment"]  # may take seconds: hosts come after it
        hosts = [
            {
                "name": host.spec.name,
                "hostname": host.spec.hostname,
                "aliases": list(host.spec.aliases),
                "address": host.spec.address,
                "tier": host.spec.tier,
                "pid": host.namespace.pid,
                "units": [
                    {"name": name, "running": running, "restarts": restarts} for name, running, restarts in host.units()
                ],
            }
            for host in self.hosts
        ]
        down = [[spec.name, spec.hostname, spec.address, *spec.aliases] for spec in self.cloud.down()]
        status = {"hosts": hosts, "down": down, "missing": missing}
        fresh = STATUS.with_suffix(".new")
        fresh.write_text(json.dumps(status))
        fresh.replace(STATUS)


def boot(settings: Settings) -> tuple[dict[str, Any], Twin]:
    """Bring everything up to its steady state; raise :class:`TwinError` naming what is missing after a minute."""
    began = time.monotonic()
    _tell(settings, {"progress": "starting the cloud"})
    twin = Twin(settings)
    _tell(settings, {"progress": "building the environment"})
    outputs = twin.build()
    _tell(settings, {"progress": "waiting for a steady state"})
    missing = ["everything"]
    while time.monotonic() - began < READY_WITHIN_S:
        missing = twin.missing()
        if not missing:
            twin.write_status()
            logger.info("up in %.2f s", time.monotonic() - began)
            return outputs, twin
        time.sleep(0.05)
    raise TwinError(
        f"The twin did not reach its steady state within {READY_WITHIN_S:g} s; missing: {', '.join(missing)}."
    )


def _loopback(port: int) -> tuple[str, int]:
    return "127.0.0.1", port


def _host_environment() -> dict[str, str]:
    return {"PATH": f"/home/admin/bin:/usr/lib/postgresql/15/bin:{PATH}"}


def _tell(settings: Settings, line: dict[str, Any]) -> None:
    os.write(settings.status_fd, (json.dumps(line) + "\n").encode())


def _follow(lifeline_fd: int) -> None:
    """End at once when the process that holds the other end of the lifeline is gone."""
    while os.read(lifeline_fd, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
