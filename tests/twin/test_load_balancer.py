"""The contract of the load balancers: clients get what an Application Load Balancer would give them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chaosgood_ext.twin.launcher import RunningTwin

MISBEHAVE = Path(__file__).with_name("misbehave.py")
REFUSED_PORT, DROPPED_PORT = 9009, 9010


def says(text: str, status: str = "200") -> dict[str, Any]:
    """The action that answers with a text."""
    config = {"StatusCode": status, "ContentType": "text/plain", "MessageBody": text}
    return {"Type": "fixed-response", "FixedResponseConfig": config}


@dataclass
class Lab:
    """A load balancer of its own, whose targets are programs on the workstation."""

    twin: RunningTwin
    elb: Any
    on: Callable[..., subprocess.CompletedProcess[str]]
    eventually: Callable[..., Any]
    arn: str
    address: str
    target: str
    vpc: str
    listener: str = ""
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def program(self, port: int, health: str = "200") -> None:
        """Run `misbehave.py` on the workstation and wait until it listens."""
        self.set_health(port, health)
        argv = self.twin.argv_in("workstation", [sys.executable, str(MISBEHAVE), str(port), f"/tmp/health-{port}"])
        self.programs.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL))
        self.eventually(lambda: self.on("workstation", f"curl -s localhost:{port}/health").returncode == 0)

    def set_health(self, port: int, status: str) -> None:
        self.on(
            "workstation", f"echo {status} > /tmp/health-{port}.new && mv /tmp/health-{port}.new /tmp/health-{port}"
        )

    def group(self, *ports: int, state: str = "healthy", **health_check: Any) -> str:
        """Forward to a new target group with these ports of the workstation, all in `state`."""
        made = self.elb.create_target_group(
            Name=f"lab-{len(self.groups)}",
            Protocol="HTTP",
            Port=80,
            VpcId=self.vpc,
            TargetType="instance",
            **{
                "HealthCheckPath": "/health",
                "HealthCheckIntervalSeconds": 5,
                "HealthCheckTimeoutSeconds": 2,
                "HealthyThresholdCount": 2,
                "UnhealthyThresholdCount": 2,
                **health_check,
            },
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        self.groups.append(arn)
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "60"}
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        action = [{"Type": "forward", "TargetGroupArn": arn}]
        self.elb.modify_listener(ListenerArn=self.listener, DefaultActions=action)
        for port in ports:
            self.register(arn, port)
        for port in ports:
            self.eventually(lambda: self.health(arn, port)[0] == state, what=f"{port} {state}")  # noqa: B023
        return arn

    def register(self, arn: str, port: int) -> None:
        self.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": self.target, "Port": port}])

    def deregister(self, arn: str, port: int) -> None:
        self.elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": self.target, "Port": port}])

    def health(self, arn: str, port: int) -> tuple[str, str, str]:
        """State, reason and description of a target."""
        told = self.elb.describe_target_health(TargetGroupArn=arn, Targets=[{"Id": self.target, "Port": port}])
        health = told["TargetHealthDescriptions"][0]["TargetHealth"]
        return health["State"], health.get("Reason", ""), health.get("Description", "")

    def get(self, path: str = "/", options: str = "") -> tuple[int, str]:
        """Status and whole answer (head and body) of a request from the internet."""
        done = self.on("internet", f"curl -s -i --max-time 25 {options} http://{self.address}{path}")
        match = re.match(r"HTTP/1\.1 (\d+)", done.stdout)
        return int(match[1]) if match else 0, done.stdout

    def until(self, status: int, path: str = "/") -> str:
        """Ask until the answer has this status; a new configuration takes a moment to reach the node."""
        found: str = self.eventually(
            lambda: next((a for s, a in [self.get(path)] if s == status), ""), what=f"{status}"
        )
        return found

    def steadily(self, status: int) -> None:
        """Ask until all of ten answers have this status: the nginx worker from before may answer a little longer."""
        once = f"curl -s -o /dev/null -w '%{{http_code}}\\n' http://{self.address}/"
        many = f"for i in $(seq 10); do {once}; done"
        self.eventually(lambda: set(self.on("internet", many).stdout.split()) == {str(status)}, what=f"{status}")

    def rule(self, priority: int, said: str, *conditions: dict[str, Any]) -> str:
        """Make a rule that answers with a text."""
        made = self.elb.create_rule(
            ListenerArn=self.listener, Priority=priority, Conditions=list(conditions), Actions=[says(said)]
        )
        return str(made["Rules"][0]["RuleArn"])

    def said(self, path: str = "/", options: str = "") -> str:
        """The body of an answer."""
        return self.get(path, options)[1].partition("\n\n")[2].strip()

    def clean(self) -> None:
        for program in self.programs:
            program.kill()
            program.wait()
        self.programs.clear()
        self.on("workstation", "pkill -f misbehave.py; true")
        for rule in self.elb.describe_rules(ListenerArn=self.listener)["Rules"]:
            if not rule["IsDefault"]:
                self.elb.delete_rule(RuleArn=rule["RuleArn"])
        self.elb.modify_listener(
            ListenerArn=self.listener,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418"}}],
        )
        for arn in self.groups:
            self.elb.delete_target_group(TargetGroupArn=arn)
        self.groups.clear()


@pytest.fixture(scope="module")
def balancer(
    twin: RunningTwin, client: Callable[[str], Any], resources: dict[str, str], on: Any, eventually: Any
) -> Iterator[Lab]:
    ec2, elb = client("ec2"), client("elbv2")
    group = ec2.create_security_group(GroupName="lab", Description="Lab", VpcId=resources["vpc_id"])["GroupId"]
    anywhere = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=anywhere)
    allowed = [
        {"IpProtocol": "tcp", "FromPort": 9000, "ToPort": REFUSED_PORT, "UserIdGroupPairs": [{"GroupId": group}]}
    ]
    workstation = resources["workstation_security_group_id"]
    ec2.authorize_security_group_ingress(GroupId=workstation, IpPermissions=allowed)
    made = elb.create_load_balancer(
        Name="lab", Subnets=resources["edge_subnet_ids"].split(","), SecurityGroups=[group], Type="application"
    )["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    listener = elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418"}}],
    )["Listeners"][0]["ListenerArn"]

    def state() -> bool:
        return bool(elb.describe_load_balancers(Names=["lab"])["LoadBalancers"][0]["State"]["Code"] == "active")

    eventually(state)
    name = "ELB " + arn.partition("loadbalancer/")[2]
    interface = ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [name]}])
    lab = Lab(
        twin, elb, on, eventually, arn, interface["NetworkInterfaces"][0]["PrivateIpAddress"],
        resources["workstation_instance_id"], resources["vpc_id"], listener,
    )  # fmt: skip
    yield lab
    elb.delete_listener(ListenerArn=listener)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    ec2.revoke_security_group_ingress(GroupId=workstation, IpPermissions=allowed)
    ec2.delete_security_group(GroupId=group)


@pytest.fixture
def lab(balancer: Lab) -> Iterator[Lab]:
    yield balancer
    balancer.clean()


def test_a_healthy_target_gets_requests_with_the_headers_of_an_alb(lab: Lab) -> None:
    lab.program(9001)
    lab.group(9001)
    answer = lab.until(200, "/hello")
    asked = answer.partition("\n\n")[2].lower()
    assert "get /hello http/1.1" in asked
    assert "x-forwarded-for: 203.0.113.10" in asked
    assert "x-forwarded-proto: http" in asked
    assert "x-forwarded-port: 80" in asked
    assert re.search(r"x-amzn-trace-id: root=1-[0-9a-f]+-[0-9a-f]{24}", asked)
    assert f"host: {lab.address}" in asked
    assert "server: misbehave" in answer.lower()


def test_a_request_that_cannot_be_read_gets_the_load_balancers_own_answer(lab: Lab) -> None:
    lab.program(9001)
    lab.group(9001)
    lab.until(200)
    for request, status in {
        r"GET / HTTP/1.1\r\n\r\n": "400 Bad Request",
        r"NO REQUEST\r\n\r\n": "400 Bad Request",
        r"GET / HTTP/9.9\r\nHost: shop\r\n\r\n": "505 HTTP Version Not Supported",
    }.items():
        ask = f"exec 3<>/dev/tcp/{lab.address}/80; printf '{request}' >&3; timeout 5 cat <&3"
        answer = lab.on("internet", f"bash -c {shlex.quote(ask)}").stdout
        assert answer.startswith(f"HTTP/1.1 {status}"), answer
        assert "Server: awselb/2.0" in answer
        assert f"<center><h1>{status}</h1></center>" in answer


def test_a_target_that_refuses_gives_502(lab: Lab) -> None:
    arn = lab.group(REFUSED_PORT, state="unhealthy")
    answer = lab.until(502)
    assert "Server: awselb/2.0" in answer
    assert "<center><h1>502 Bad Gateway</h1></center>" in answer
    assert lab.health(arn, REFUSED_PORT) == ("unhealthy", "Target.FailedHealthChecks", "Health checks failed")


def test_a_target_that_closes_early_gives_502(lab: Lab) -> None:
    lab.program(9001)
    lab.group(9001)
    lab.until(502, "/close")


def test_an_answer_with_a_malformed_header_gives_502(lab: Lab) -> None:
    lab.program(9001)
    lab.group(9001)
    lab.until(502, "/garbage")


def test_a_target_that_is_silent_to_a_connection_gives_504(lab: Lab) -> None:
    arn = lab.group(DROPPED_PORT, state="unhealthy")
    assert lab.health(arn, DROPPED_PORT) == ("unhealthy", "Target.Timeout", "Request timed out")
    lab.eventually(lambda: lab.get("/", "--max-time 1")[0] == 0)
    assert lab.get()[0] == 504


def test_a_target_that_does_not_answer_in_the_idle_timeout_gives_504(lab: Lab) -> None:
    idle = {"Key": "idle_timeout.timeout_seconds", "Value": "1"}
    lab.elb.modify_load_balancer_attributes(LoadBalancerArn=lab.arn, Attributes=[idle])
    lab.program(9001)
    lab.group(9001)
    assert "504 Gateway Time-out" in lab.until(504, "/silent")
    idle["Value"] = "60"
    lab.elb.modify_load_balancer_attributes(LoadBalancerArn=lab.arn, Attributes=[idle])


def test_no_registered_target_gives_503(lab: Lab) -> None:
    lab.group()
    assert "503 Service Temporarily Unavailable" in lab.until(503)


def test_with_no_healthy_target_requests_go_to_all_of_them(lab: Lab) -> None:
    lab.program(9001, health="500")
    lab.program(9002, health="500")
    arn = lab.group(9001, 9002, state="unhealthy")
    reason = "Health checks failed with these codes: [500]"
    assert lab.health(arn, 9001) == ("unhealthy", "Target.ResponseCodeMismatch", reason)
    lab.until(200)


def test_an_unhealthy_target_gets_nothing_while_another_is_healthy(lab: Lab) -> None:
    lab.program(9001)
    lab.program(9002)
    arn = lab.group(9001, 9002)
    lab.set_health(9001, "503")
    lab.eventually(lambda: lab.health(arn, 9001)[0] == "unhealthy")
    lab.until(200)
    assert {lab.get("/close")[0] for _ in range(4)} == {502}
    lab.set_health(9001, "200")
    lab.eventually(lambda: lab.health(arn, 9001)[0] == "healthy")


def test_a_new_target_gets_nothing_before_it_has_passed_a_check(lab: Lab) -> None:
    lab.program(9001, health="500")
    arn = lab.group(9001, state="initial", UnhealthyThresholdCount=10)
    lab.until(503)
    assert lab.health(arn, 9001)[0] == "initial"
    assert lab.health(arn, 9001)[1] in ("Elb.RegistrationInProgress", "Elb.InitialHealthChecking")
    lab.set_health(9001, "200")
    lab.until(200)


def test_a_deregistered_target_drains(lab: Lab) -> None:
    lab.program(9001)
    arn = lab.group(9001)
    lab.steadily(200)
    slow = subprocess.Popen(
        lab.twin.argv_in("internet", ["curl", "-s", f"http://{lab.address}/slow"]), stdout=subprocess.PIPE, text=True
    )
    lab.eventually(
        lambda: lab.on("workstation", "test -e /tmp/health-9001.slow").returncode == 0 or slow.poll() is not None
    )
    assert slow.poll() is None, slow.communicate()
    lab.deregister(arn, 9001)
    told = "Target deregistration is in progress"
    assert lab.health(arn, 9001) == ("draining", "Target.DeregistrationInProgress", told) or lab.eventually(
        lambda: lab.health(arn, 9001)[0] == "draining"
    )
    lab.until(503)
    lab.on("workstation", "touch /tmp/health-9001.go")
    assert slow.communicate(timeout=10)[0] == "slow"
    lab.eventually(lambda: lab.health(arn, 9001)[0] == "unused")
    assert lab.health(arn, 9001)[1] == "Target.NotRegistered"


def test_two_ports_of_one_instance_are_two_targets(lab: Lab) -> None:
    lab.program(9001)
    lab.program(9002, health="500")
    arn = lab.group()
    lab.register(arn, 9001)
    lab.register(arn, 9002)
    lab.eventually(lambda: lab.health(arn, 9001)[0] == "healthy")
    lab.eventually(lambda: lab.health(arn, 9002)[0] == "unhealthy")
    lab.deregister(arn, 9002)
    assert lab.health(arn, 9001)[0] == "healthy"


def test_a_target_group_that_no_listener_uses_has_unused_targets(lab: Lab) -> None:
    arn = lab.group()
    other = lab.group()
    lab.register(arn, 9001)
    lab.eventually(lambda: lab.health(arn, 9001)[:2] == ("unused", "Target.NotInUse"))
    assert other != arn


def test_no_request_is_lost_while_targets_come_and_go(lab: Lab) -> None:
    lab.program(9001)
    lab.program(9002)
    arn = lab.group(9001, 9002)
    lab.steadily(200)
    loop = f"for i in $(seq 150); do curl -s -o /dev/null -w '%{{http_code}}\\n' http://{lab.address}/; done"
    asking = subprocess.Popen(lab.twin.argv_in("internet", ["bash", "-c", loop]), stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        lab.deregister(arn, 9002)
        lab.register(arn, 9002)
        lab.eventually(lambda: lab.health(arn, 9002)[0] == "healthy")
    assert set(asking.communicate(timeout=60)[0].split()) == {"200"}


def test_rules_route_by_path_host_header_method_query_and_address(lab: Lab) -> None:
    lab.rule(10, "path", {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*", "/v?"]}})
    lab.rule(20, "host", {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}})
    named = {"HttpHeaderName": "X-Kind", "Values": ["blue*"]}
    lab.rule(30, "header", {"Field": "http-header", "HttpHeaderConfig": named})
    lab.rule(40, "method", {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["DELETE"]}})
    pairs = [{"Key": "version", "Value": "v*"}, {"Value": "any?"}]
    lab.rule(50, "query", {"Field": "query-string", "QueryStringConfig": {"Values": pairs}})
    lab.rule(60, "address", {"Field": "source-ip", "SourceIpConfig": {"Values": ["203.0.113.0/24"]}})
    requests = {
        ("/api/users?a=b", ""): "path",
        ("/v2", ""): "path",
        ("/v22", ""): "address",
        ("/API/users", ""): "address",
        ("/", "-H 'Host: a.EXAMPLE.com'"): "host",
        ("/", "-H 'X-Kind: Bluebird'"): "header",
        ("/", "-X DELETE"): "method",
        ("/", "-X OPTIONS"): "address",
        ("/?a=1\\&version=V3", ""): "query",
        ("/?x=anyz", ""): "query",
        ("/?xversion=v3", ""): "address",
    }
    lab.eventually(lambda: {asked: lab.said(*asked) for asked in requests} == requests)


def test_the_lowest_priority_number_wins_and_all_conditions_must_hold(lab: Lab) -> None:
    path = {"Field": "path-pattern", "Values": ["/a*"]}
    get = {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "HEAD"]}}
    lab.rule(2, "second", path)
    first = lab.rule(1, "first", path, get)
    lab.eventually(lambda: (lab.said("/a"), lab.said("/a", "-X POST"), lab.get("/b")[0]) == ("first", "second", 418))
    lab.elb.set_rule_priorities(RulePriorities=[{"RuleArn": first, "Priority": 3}])
    lab.eventually(lambda: lab.said("/a") == "second")
    lab.elb.modify_rule(
        RuleArn=first, Actions=[says("changed")], Conditions=[{"Field": "path-pattern", "Values": ["/b"]}]
    )
    lab.eventually(lambda: lab.said("/b") == "changed")


def test_a_rule_forwards_by_weight_and_a_group_with_no_target_gives_503(lab: Lab) -> None:
    lab.program(9001)
    one, none = lab.group(9001), lab.group()
    weights = [{"TargetGroupArn": one, "Weight": 3}, {"TargetGroupArn": none, "Weight": 1}]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}
    lab.elb.modify_listener(ListenerArn=lab.listener, DefaultActions=[action])
    lab.eventually(lambda: lab.health(one, 9001)[0] == "healthy")
    lab.eventually(lambda: {lab.get()[0] for _ in range(12)} == {200, 503})
    many = f"for i in $(seq 200); do curl -s -o /dev/null -w '%{{http_code}}\\n' http://{lab.address}/; done"
    codes = lab.on("internet", many, 60).stdout.split()
    assert set(codes) == {"200", "503"}
    assert 120 <= codes.count("200") <= 180
    lab.elb.create_rule(
        ListenerArn=lab.listener, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/one"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": one}],
    )  # fmt: skip
    lab.eventually(lambda: {lab.get("/one")[0] for _ in range(12)} == {200})
    assert "get /one http/1.1" in lab.get("/one")[1].lower()


def test_a_redirect_keeps_what_it_does_not_name(lab: Lab) -> None:
    config = {"Protocol": "HTTP", "Port": "8080", "Path": "/new/#{path}", "StatusCode": "HTTP_301"}
    lab.elb.create_rule(
        ListenerArn=lab.listener, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/old*"]}],
        Actions=[{"Type": "redirect", "RedirectConfig": config}],
    )  # fmt: skip
    answer = lab.until(301, "/old%20one?a=b")
    assert f"Location: http://{lab.address}:8080/new/old%20one?a=b" in answer


def test_a_changed_health_check_is_the_one_that_is_made(lab: Lab) -> None:
    lab.program(9001)
    arn = lab.group(9001)
    lab.elb.modify_target_group(TargetGroupArn=arn, Matcher={"HttpCode": "204"}, UnhealthyThresholdCount=3)
    reason = "Health checks failed with these codes: [200]"
    lab.eventually(lambda: lab.health(arn, 9001) == ("unhealthy", "Target.ResponseCodeMismatch", reason))
    lab.elb.modify_target_group(TargetGroupArn=arn, Matcher={"HttpCode": "200-299"})
    lab.eventually(lambda: lab.health(arn, 9001)[0] == "healthy")


def test_what_the_data_plane_lacks_is_refused_by_name(lab: Lab) -> None:
    arn = lab.group()
    refused = lab.elb.exceptions.ClientError
    sticky = [{"Key": "stickiness.enabled", "Value": "true"}]
    with pytest.raises(refused, match=r"does not implement stickiness\.enabled=true of elasticloadbalancing:Modify"):
        lab.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=sticky)
    with pytest.raises(refused, match=r"does not implement Protocol HTTPS of elasticloadbalancing:CreateListener"):
        lab.elb.create_listener(LoadBalancerArn=lab.arn, Protocol="HTTPS", Port=443, DefaultActions=[says("x")])
    with pytest.raises(refused, match=r"The twin does not implement elasticloadbalancing:SetSubnets\."):
        lab.elb.set_subnets(LoadBalancerArn=lab.arn, Subnets=["subnet-0"])
    with pytest.raises(refused, match="Health check timeout '20' must be smaller than the interval '5'"):
        lab.elb.modify_target_group(TargetGroupArn=arn, HealthCheckTimeoutSeconds=20)
