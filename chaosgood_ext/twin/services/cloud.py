"""The twin's AWS in one object: control plane, controllers, and the environment built with them."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaosgood_ext.twin import dns
from chaosgood_ext.twin.builder import Builder, Secrets
from chaosgood_ext.twin.cloud import ACCOUNT_ID, budgets, mends
from chaosgood_ext.twin.cloud.client import Clients
from chaosgood_ext.twin.cloud.gate import Gate
from chaosgood_ext.twin.cloud.identities import Credentials
from chaosgood_ext.twin.cloud.mends.ec2 import user_data_of
from chaosgood_ext.twin.cloud.metadata import About, Metadata
from chaosgood_ext.twin.cloud.server import Server
from chaosgood_ext.twin.cloud.state import State
from chaosgood_ext.twin.cloud.tap import Tap
from chaosgood_ext.twin.cloud.trail import Trail
from chaosgood_ext.twin.cloud.wire import Answer, Call
from chaosgood_ext.twin.guardrails import Guardrails
from chaosgood_ext.twin.hosts.files import STACK
from chaosgood_ext.twin.hosts.hosts import Hosts
from chaosgood_ext.twin.hosts.model import HostSpec
from chaosgood_ext.twin.services.autoscaling import AutoScaling
from chaosgood_ext.twin.services.cloudwatch import CloudWatch
from chaosgood_ext.twin.services.cloudwatch_sources import Sources
from chaosgood_ext.twin.services.dns import Dns
from chaosgood_ext.twin.services.ec2 import Ec2
from chaosgood_ext.twin.services.ec2_calls import Ec2Calls
from chaosgood_ext.twin.services.ec2_plan import Pace
from chaosgood_ext.twin.services.ecs import Ecs
from chaosgood_ext.twin.services.ecs_agent import Agent
from chaosgood_ext.twin.services.elb import Elb
from chaosgood_ext.twin.services.logs import Logs
from chaosgood_ext.twin.services.network import NetworkController
from chaosgood_ext.twin.services.rds import Rds
from chaosgood_ext.twin.services.reconciler import Reconciler
from chaosgood_ext.twin.services.ssm import Ssm

log = logging.getLogger(__name__)

INSIDE = ("10.0.0.2", 4566)
"""Where the AWS API listens inside the VPC."""

_OUTSIDE = "203.0.113.10"
_SHIPPING_PERIOD_S = 0.25
_SESSION_S = 12 * 3600


class Cloud:
    """Serves the AWS API, and makes hosts, packets and processes follow it.

    `topology` is `stack/topology.json`; `images` is a folder that outlives the twin, for what takes long to make.
    """

    def __init__(self, hosts: Hosts, resolver: dns.Resolver, topology: Mapping[str, Any], *, images: Path) -> None:
        mends.install()
        self._topology = topology
        self._hosts = hosts
        self._secrets = Secrets(secrets.token_hex(12), _database_parameters())
        self.tap = Tap()
        self.state = State(topology["region"])
        self.trail = Trail()
        self.facilitator = self.tap.identities.open_facilitator()
        self.tap.subscribe(self.trail.record)
        self.tap.handle("cloudtrail", "LookupEvents", self.trail.lookup)
        budgets.serve(self.tap)
        gate = Gate(self.state, topology["roles"].values())
        self.tap.admit_by(gate.check)
        self.tap.subscribe(gate.hear)
        self._controllers(resolver, images)
        self._servers: list[Server] = []
        self._building: threading.Thread | None = None
        self._unguarded = ""

    def _controllers(self, resolver: dns.Resolver, images: Path) -> None:
        tap, state, hosts = self.tap, self.state, self._hosts
        scale = float(self._topology["timing"]["twin_time_scale"])
        self._ec2 = Ec2(tap, state, hosts, Pace.of_aws(scale), self._files)
        self._elb = Elb(tap, state, hosts, scale)
        shop = {"PYTHONPATH": str(STACK / "shop"), "PYTHONDONTWRITEBYTECODE": "1"}
        agent = Agent(tap, state, hosts, self._elb, {"chaosgood/shop": shop})
        logs = Logs(tap, state, hosts, dict(self._topology["log_groups"]), agent.log_sources)
        self._reconciler = Reconciler(
            [
                NetworkController(tap, state, hosts),
                Rds(tap, state, hosts, images),
                self._ec2,
                AutoScaling(tap, state, self._elb.health_of, time_scale=scale, trail=self.trail),
                self._elb,
                Ecs(tap, state, hosts, self._elb, agent),
                Dns(tap, state, resolver),
                Ssm(tap, state, hosts, scale),
            ]
        )
        watch = CloudWatch(tap, state, Sources(state, hosts, self._elb.health_of), scale)
        self._shipping = Reconciler([logs, watch], _SHIPPING_PERIOD_S)
        self._ec2.on_change = self._reconciler.trigger  # type: ignore[method-assign]
        self._elb.on_change = self._reconciler.trigger  # type: ignore[method-assign]
        agent.on_change = self._reconciler.trigger  # type: ignore[method-assign]
        calls = Ec2Calls(state)
        tap.guard("ec2", calls.check)
        tap.handle("ec2", "ModifyInstanceAttribute", calls.modify_attribute)
        tap.handle("ec2", "StopInstances", calls.stop)
        tap.subscribe(self._trigger)

    def serve(self, fd: int, inside: tuple[str, int] | None = INSIDE) -> None:
        """Answer calls on the listening socket `fd` and, inside the VPC, on `inside`, where the metadata service
        answers as well; start the controllers.
        """
        listeners = [socket.socket(fileno=os.dup(fd))]
        if inside is not None:
            listeners.append(socket.create_server(inside, backlog=128))
            Metadata(self.state.region, ACCOUNT_ID, self._about, self._assume).serve()
        self._servers = [Server(self.tap, listener) for listener in listeners]
        for server in self._servers:
            server.start()
        self._elb.start()
        self._reconciler.start()
        self._shipping.start()

    def build(self, *, name: str, endpoint_url: str, urls: Mapping[str, str]) -> dict[str, Any]:
        """Build the environment and return its outputs; `urls` maps doors to the addresses where they are open."""
        clients = Clients(self.tap, self.facilitator, self._topology["region"], _OUTSIDE)
        builder = Builder(clients.client, self._topology, self._secrets)
        resources = builder.build()
        self._ec2.take_time()
        player = self._assume(self._topology["roles"]["player"], "responder", _SESSION_S)
        # Nothing waits for them, and hosts take longer to come up.
        self._building = threading.Thread(target=self._build_guardrails, args=(builder.guardrails(),), daemon=True)
        self._building.start()
        timing = self._topology["timing"]
        return {
            "schema_version": 1,
            "kind": "twin",
            "name": name,
            "region": self._topology["region"],
            "account_id": ACCOUNT_ID,
            "endpoint_url": endpoint_url,
            "resources": resources,
            "urls": {
                **{key: {"url": url, "access": "direct"} for key, url in urls.items() if key != "aws"},
                "dashboards": {"url": f"{urls['prometheus']}/consoles/overview.html", "access": "direct"},
            },
            "timing": {
                "time_scale": timing["twin_time_scale"],
                "hold_window_s": timing["hold_window_s"]["twin"],
                "time_limit_scale": timing["time_limit_scale"]["twin"],
            },
            "credentials": {
                "facilitator": _key(self.facilitator),
                "player": _key(player),
            },
        }

    def _build_guardrails(self, guardrails: Guardrails) -> None:
        try:
            guardrails.build()
        except Exception as cause:
            log.exception("The guardrails could not be built")
            self._unguarded = f"guardrails ({type(cause).__name__}: {cause})"

    def ready(self) -> list[str]:
        """What is missing to a steady state, each in a few words; empty when nothing is."""
        with self.tap.lock:
            missing = [self._unguarded] if self._unguarded else []
            missing += ["guardrails"] if self._building is not None and self._building.is_alive() else []
            missing += [
                f"instance {instance.id} ({instance.state})"
                for reservation in self.state.ec2.reservations.values()
                for instance in reservation.instances
                if instance.state == "pending"
            ]
            missing += [
                f"database {database.db_instance_identifier} ({database.status})"
                for database in self.state.rds.databases.values()
                if database.status != "available"
            ]
            missing += [
                f"load balancer {balancer.name} ({balancer.state})"
                for balancer in self.state.elbv2.load_balancers.values()
                if balancer.state != "active"
            ]
            missing += [
                f"tasks of {service.name} ({service.running_count} of {service.desired_count} run)"
                for service in self.state.ecs.services.values()
                if service.running_count != service.desired_count
            ]
            groups = [(group.name, group.arn) for group in self.state.elbv2.target_groups.values()]
        for name, arn in groups:
            states = [health.state for health in self._elb.health_of(arn).values() if health.state != "draining"]
            if not states or any(state != "healthy" for state in states):
                missing.append(f"targets of {name} ({states.count('healthy')} of {len(states)} healthy)")
        return missing

    def down(self) -> list[HostSpec]:
        """The hosts of instances that run and do not answer."""
        return self._ec2.down()

    def stop(self) -> None:
        """Stop answering and reconciling."""
        for server in self._servers:
            server.stop()
        self._reconciler.stop()
        self._shipping.stop()

    def _trigger(self, call: Call, answer: Answer) -> None:
        if not call.reads and answer.error is None:
            self._reconciler.trigger()

    def _files(self, spec: HostSpec) -> dict[str, str]:
        """The files that hold secrets, which `stack/` cannot: see its README."""
        files = {}
        database = next(iter(self._topology["db_instances"].values()))
        if spec.tier in ("app", "monitoring"):
            line = f"*:{database['port']}:*:{database['username']}:{self._secrets.database_password}\n"
            files["/home/admin/.pgpass"] = line
        if spec.tier == "app":
            files["/etc/ecs/ecs.config"] = ""  # as in Amazon's images for container instances
        if spec.tier == "monitoring":
            files["/etc/default/prometheus-postgres-exporter"] = f"DATA_SOURCE_PASS={self._secrets.database_password}\n"
        return files

    def _assume(self, role: str, session: str, duration_s: int) -> Credentials:
        with self.tap.lock:
            return self.tap.identities.open_session(role, session, duration_s)

    def _role_of(self, instance_id: str) -> str:
        """The role of an instance's profile; empty where it has none."""
        association = self.state.ec2.iam_instance_profile_associations.get(instance_id)
        roles = association.iam_instance_profile.roles if association else []
        return str(roles[0].name) if roles else ""

    def _about(self, address: str) -> About | None:
        """What the metadata service tells the instance at `address`."""
        with self.tap.lock:
            for reservation in self.state.ec2.reservations.values():
                for instance in reservation.instances:
                    if instance.private_ip == address and instance.state in ("pending", "running"):
                        return About(
                            instance_id=instance.id,
                            instance_type=instance.instance_type,
                            address=address,
                            hostname="ip-" + address.replace(".", "-"),
                            availability_zone=str(instance.placement.zone),
                            image_id=str(instance.image_id),
                            security_groups=tuple(group.name for group in instance.security_groups),
                            role=self._role_of(instance.id),
                            user_data=user_data_of(instance).decode("utf-8", "replace"),
                            tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
                        )
        return None


def _key(credentials: Credentials) -> dict[str, str]:
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "session_token": credentials.session_token,
    }


def _database_parameters() -> tuple[Mapping[str, str], ...]:
    group = json.loads((STACK / "database" / "parameter-group.json").read_text())
    return tuple(group["parameters"])
