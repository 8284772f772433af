"""An environment without a data plane: moto over HTTP, and a Prometheus that believes the security groups.

What is broken there is broken at once, and what is repaired works at once; all else of a game is real.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import requests
from moto.cloudtrail.responses import CloudTrailResponse
from moto.server import ThreadedMotoServer

from chaosgood_ext.game.watches import PROBER_QUERY, TRAFFIC_QUERY
from chaosgood_ext.twin.cloud.mends import security_groups
from tests.fakes.http import Answer, Request, serve
from tests.fakes.outputs import outputs_document

KEYS = {"aws_access_key_id": "AKIATESTING", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
RATE = 25


@dataclass
class World:
    """The environment: `outputs` describe it, the flags spoil it."""

    outputs: dict[str, Any]
    database: str
    app: str
    hang: threading.Event = field(default_factory=threading.Event)
    healthy: bool = True
    felt: bool = True
    """Whether users notice that nobody can reach the database."""
    rules: list[dict[str, Any]] = field(
        default_factory=lambda: [{"type": "alerting", "name": "ShopDown", "query": "q"}]
    )
    accounts: list[dict[str, int]] = field(
        default_factory=lambda: [{"product_id": 1, "stock": 9, "delivered": 10, "ordered": 1}]
    )
    _history: list[tuple[int, bool]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A client of the environment's AWS API."""
        return boto3.client(service, endpoint_url=self.outputs["endpoint_url"], **KEYS)

    def admits(self) -> bool:
        """Whether anybody may reach the database."""
        group = self.client("ec2").describe_security_groups(GroupIds=[self.database])["SecurityGroups"][0]
        return any(permission.get("FromPort") == 5432 for permission in group["IpPermissions"])

    def note(self, second: int) -> None:
        """Remember how users fare in this second."""
        self._history.append((second, self.healthy and (self.admits() or not self.felt)))

    def matrix(self, query: str) -> list[dict[str, Any]]:
        """The last twenty seconds as Prometheus scraped them."""
        if query == PROBER_QUERY:
            samples = [[second, "1" if good else "0"] for second, good in self._history[-20:]]
            return [{"metric": {"journey": "home"}, "values": samples}]
        if query == TRAFFIC_QUERY:
            counters: dict[str, list[list[Any]]] = {"2xx": [], "5xx": []}
            sums = {"2xx": 0, "5xx": 0}
            for second, good in self._history:
                sums["2xx" if good else "5xx"] += RATE
                for status, value in sums.items():
                    counters[status].append([second, str(value)])
            return [{"metric": {"status": status}, "values": rows[-20:]} for status, rows in counters.items()]
        return []

    def _guarded(self, request: Request) -> Answer | None:
        """What guards ask of the monitoring and of the shop."""
        if request.path == "/api/v1/rules":
            return _data({"groups": [{"name": "service", "rules": self.rules}]})
        if request.path == "/api/v1/status/config":
            return _data({"yaml": "global: {}"})
        if request.path in ("/api/v1/status/buildinfo", "/api/v2/status"):
            return _data({})
        if request.path.startswith("/api/orders"):
            return Answer(body={"id": 1, "product_id": 1, "quantity": 1, "customer": "referee"})
        if request.path == "/api/ledger":
            return Answer(body={"accounts": self.accounts, "orders": 1, "last_order_id": 1})
        return None

    @property
    def fails(self) -> bool:
        """Whether users are hurt now."""
        return not all(good for _, good in self._history[-2:])

    @property
    def fires(self) -> bool:
        """Whether the alert fires: as the real one it wants two bad seconds, which also make an impact."""
        return sum(not good for _, good in self._history[-3:]) >= 2

    def answer(self, request: Request) -> Answer:
        """Play Prometheus and Alertmanager."""
        if self.hang.is_set():
            return Answer(until=threading.Event())
        if request.path == "/api/v1/query":
            query = request.query["query"]
            if matrix := self.matrix(query):
                return _data({"resultType": "matrix", "result": matrix})
            value = "0.5" if self.fails else "1"
            return _data({"resultType": "vector", "result": [{"metric": {}, "value": [time.time(), value]}]})
        if (known := self._guarded(request)) is not None:
            return known
        labels = {"alertname": "ShopDown", "page": "true", "severity": "critical"}
        if request.path == "/api/v1/alerts":
            return _data({"alerts": [{"state": "firing", "labels": labels}] if self.fires else []})
        alert = {
            "fingerprint": "f", "labels": labels, "annotations": {"summary": "Users are hurt"},
            "startsAt": datetime.fromtimestamp(self._history[-1][0], UTC).isoformat(), "status": {"state": "active"},
        }  # fmt: skip
        return Answer(body=[alert] if self.fires else [])


@contextmanager
def world() -> Iterator[World]:
    """Build the environment, and let its time pass until the end of the block."""
    security_groups.install()
    # moto has no event history; nobody did anything that a game has not seen otherwise.
    CloudTrailResponse.lookup_events = lambda _: '{"Events": []}'
    moto = ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    _, port = moto.get_host_and_port()
    requests.post(f"http://127.0.0.1:{port}/moto-api/reset", timeout=5)
    made: list[World] = []
    stopped = threading.Event()
    with serve(lambda request: made[0].answer(request)) as monitoring:  # noqa: PLW0108 - made below
        made.append(_build(f"http://127.0.0.1:{port}", monitoring.url))
        thread = threading.Thread(target=_pass_time, args=(made[0], stopped), daemon=True)
        thread.start()
        try:
            yield made[0]
        finally:
            stopped.set()
            thread.join(5)
            moto.stop()


def _pass_time(world: World, stopped: threading.Event) -> None:
    while not stopped.wait(1 - time.time() % 1):
        world.note(int(time.time()))


def _build(endpoint: str, monitoring: str) -> World:
    names = ("application", "prometheus", "alertmanager", "dashboards")
    key = {"access_key_id": "AKIATESTING", "secret_access_key": "testing", "session_token": ""}
    outputs = outputs_document(
        kind="aws", endpoint_url=endpoint, credentials={"facilitator": key, "player": key},
        urls={name: {"url": monitoring, "access": "direct"} for name in names},
        timing={"time_scale": 10, "hold_window_s": 3, "time_limit_scale": 1},
    )  # fmt: skip
    made = World(outputs, "", "")
    ec2, rds = made.client("ec2"), made.client("rds")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made.database, made.app = (
        ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"] for name in ("database", "app")
    )
    pair = {"GroupId": made.app, "Description": "from the app"}
    ec2.authorize_security_group_ingress(
        GroupId=made.database,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [pair]}],
    )
    rds.create_db_instance(
        DBInstanceIdentifier="shop", DBInstanceClass="db.t4g.micro", Engine="postgres", Port=5432,
        VpcSecurityGroupIds=[made.database], MasterUsername="u", MasterUserPassword="password",
        PubliclyAccessible=False,
    )  # fmt: skip
    made.client("ecs").create_cluster(clusterName=outputs["resources"]["ecs_cluster_name"])
    elb = made.client("elbv2")
    for tier in ("web", "app"):
        (group,) = elb.create_target_group(Name=tier, Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"]
        outputs["resources"][f"{tier}_target_group_arn"] = group["TargetGroupArn"]
    outputs["resources"] |= {
        "vpc_id": vpc, "database_security_group_id": made.database, "app_security_group_id": made.app,
        "db_instance_identifier": "shop",
    }  # fmt: skip
    made.client("logs").create_log_group(logGroupName=outputs["resources"]["sessions_log_group_name"])
    return made


def _data(data: Any) -> Answer:
    return Answer(body={"status": "success", "data": data})
