"""What auditors say of the configuration and of the policies, and what they do not see."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chaosgood_ext.game.inverses import KINDS

from .conftest import CONFIGURATION, ROOT, State

AUDITORS = ROOT / ".venv/audit/bin"
POLICIES = sorted((ROOT / "chaosgood_ext/stack/policies").glob("*.json"))
TOPOLOGY = json.loads((ROOT / "chaosgood_ext/stack/topology.json").read_text())

# https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
IOPS_INCLUDED_IN_GP3, MIB_PER_S_INCLUDED_IN_GP3 = 3000, 125

IAM_AT_MOST = {"iam:PassRole", "iam:AttachRolePolicy", "iam:DetachRolePolicy"}

# How parliament's findings that we leave are told from others: policy, statement, issue. It knows an API of early 2025.
SPLIT = "the action needs several kinds of resource, each with conditions of its own; together they cover all"
BOUNDARY = "a boundary grants nothing; the region is its condition"
NO_CONDITION = "AWS's user guide has the condition; parliament's list does not, and IfExists lets a repair pass"
# https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html
OWN_CHANNEL = "AWS's policy for Session Manager's users binds a channel to one's own sessions; parliament does not know"
LOOK = "reading only, and only in this region"
ACCEPTED = {
    ("boundary", "Services", "RESOURCE_STAR"): BOUNDARY,
    ("boundary", "Names", "RESOURCE_STAR"): BOUNDARY,
    ("ci", "Look", "RESOURCE_STAR"): LOOK,
    ("injector", "Look", "RESOURCE_STAR"): LOOK,
    ("player", "Look", "RESOURCE_STAR"): LOOK,
    ("player", "LookAtNames", "RESOURCE_STAR"): "reading only; the zone's id is known to AWS alone",
    ("player", "ReadQueries", "RESOURCE_STAR"): "a query's id is known to AWS alone; asking needs the log group",
    **{
        (policy, statement, "RESOURCE_MISMATCH"): SPLIT
        for policy, statements in {
            "injector": ("Rules", "RulesThemselves", "Commands", "KindsOfCommand"),
            "player": (
                "Rules",
                "RulesThemselves",
                "LaunchHosts",
                "LaunchHostsHere",
                "LaunchHostsFromTemplates",
                "LaunchHostsOn",
                "LaunchHostsWith",
            ),
        }.items()
        for statement in statements
    },
    ("injector", "LoadBalancers", "RESOURCE_MISMATCH"): "parliament knows listeners of network load balancers only",
    ("player", "LoadBalancers", "RESOURCE_MISMATCH"): "parliament knows listeners of network load balancers only",
    ("injector", "DatabaseInBounds", "UNKNOWN_CONDITION_FOR_ACTION"): NO_CONDITION,
    ("player", "DatabaseInBounds", "UNKNOWN_CONDITION_FOR_ACTION"): NO_CONDITION,
    ("player", "Sessions", "UNKNOWN_CONDITION_FOR_ACTION"): NO_CONDITION,
    ("player", "OwnSessions", "RESOURCE_MISMATCH"): OWN_CHANNEL,
    ("player", "KindsOfSession", "UNKNOWN_CONDITION_FOR_ACTION"): NO_CONDITION,
    ("ci", "Ways", "UNKNOWN_CONDITION_FOR_ACTION"): NO_CONDITION,
    ("ci", "KindsOfWay", "UNKNOWN_CONDITION_FOR_ACTION"): NO_CONDITION,
    ("ci", "OwnWays", "RESOURCE_MISMATCH"): OWN_CHANNEL,
}

_PARLIAMENT = """
import json, sys
import parliament
for path in sys.argv[1:]:
    for finding in parliament.analyze_policy_string(open(path).read()).findings:
        print(json.dumps([path, finding.issue, str(finding.detail)[:300], finding.location.get("line", 0)]))
"""


def auditor(name: str) -> str:
    path = AUDITORS / name
    if not path.exists():
        pytest.fail(f"{path} is missing: run `make .venv/.audit`")
    return str(path)


def statements(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["Statement"])


def actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else list(statement["Action"])


def resources(statement: dict[str, Any]) -> list[str]:
    return [statement["Resource"]] if isinstance(statement["Resource"], str) else list(statement["Resource"])


def test_checkov_finds_what_we_leave_so_and_nothing_else() -> None:
    said = (CONFIGURATION / "checkov.yaml").read_text()
    skipped = dict(re.findall(r"^  - (CKV\w+) # (.+)$", said, re.MULTILINE))
    assert set(skipped) == set(re.findall(r"CKV2?_AWS_\d+", said)), "each with its reason"
    arguments = ["--framework", "terraform", "--quiet", "--compact", "--skip-download", "--output", "json"]
    done = subprocess.run(
        [auditor("checkov"), "--directory", str(CONFIGURATION), *arguments], capture_output=True, text=True, cwd="/"
    )
    result = json.loads(done.stdout)
    found: dict[str, list[str]] = {}
    for failed in result["results"]["failed_checks"]:
        found.setdefault(failed["check_id"], []).append(f"{failed['resource']}: {failed['check_name']}")
    assert {check: found[check] for check in set(found) - set(skipped)} == {}
    assert set(skipped) - set(found) == set(), "no longer found: take them off the list"
    assert result["summary"]["parsing_errors"] == 0
    assert result["summary"]["passed"] > 100


def test_parliament_finds_what_we_leave_so_and_nothing_else() -> None:
    done = subprocess.run(
        [auditor("python"), "-W", "ignore", "-c", _PARLIAMENT, *map(str, POLICIES)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        path, issue, detail, number = json.loads(line)
        found[Path(path).stem, _statement_at(Path(path), number), issue] = detail
    assert {key: detail for key, detail in found.items() if key not in ACCEPTED} == {}
    assert set(ACCEPTED) - set(found) == set(), "no longer found: take them off the list"


def _statement_at(path: Path, line: int) -> str:
    """Name of the statement that a line is in; parliament names the line where the statement or a part of it begins."""
    lines = path.read_text().splitlines()
    begun = max((index for index in range(line) if lines[index] == "    {"), default=line)
    return re.findall(r'"Sid": "(\w+)"', "\n".join(lines[begun:]))[0]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_nothing_is_everything(path: Path) -> None:
    for statement in statements(path):
        if statement["Effect"] == "Allow":
            assert "*" not in actions(statement)
            if path.stem != "boundary":
                assert not any(re.fullmatch(r"\w+:\*", action) for action in actions(statement))


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_any_resource_means_reading_or_a_region(path: Path) -> None:
    for statement in statements(path):
        if statement["Effect"] == "Allow" and "*" in resources(statement):
            reading = all(re.search(r":(Describe|Get|List)", action) for action in actions(statement))
            assert reading or "aws:RequestedRegion" in json.dumps(statement.get("Condition", {})), statement["Sid"]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_identities_are_nobodys_to_change(path: Path) -> None:
    for statement in statements(path):
        identity = {
            action for action in actions(statement) if action.startswith(("iam:", "organizations:", "account:"))
        }
        if statement["Effect"] == "Allow" and identity:
            assert identity <= IAM_AT_MOST
            named = [resource for resource in resources(statement) if ":role/chaosgood-" in resource]
            assert named == resources(statement), "only roles of the environment, by name"
            if "iam:PassRole" in identity and path.stem != "boundary":
                assert "iam:PassedToService" in statement["Condition"]["StringEquals"]
                assert "*" not in "".join(named)


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_every_resource_is_in_this_account_and_region(path: Path) -> None:
    for statement in statements(path):
        for arn in set(resources(statement)) - {"*"}:
            _, _, service, region, account, rest = arn.split(":", 5)
            assert region == ("" if service in ("iam", "s3") else TOPOLOGY["region"]), arn
            public = rest.startswith(("image/", "document/AWS-"))
            assert account == ("" if public or service == "s3" else "123456789012"), arn


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_policy_fits_a_role(path: Path) -> None:
    size = len(re.sub(r"\s", "", path.read_text()))
    managed = path.stem in ("boundary", "flow-log", "lifetime", "lock-out", "lockout")
    assert size <= (6144 if managed else 10240)


BOUND_ELSEWHERE = {
    "RulesThemselves": "a rule is of its group, which the statement Rules binds",
    "NewGroups": "a new group has no name yet; it is made in the VPC",
    "TagWhatIsNew": "only in the call that makes the resource",
    "LaunchHosts": "where to is bound by LaunchHostsHere",
    "LaunchHostsOn": "a volume is of its host, which LaunchHostsHere binds",
    "LaunchHostsWith": "an image is public",
}
OURS = ("chaosgood", "task-definition/shop:", "${aws:userid}", "document/AWS-")


@pytest.mark.parametrize("name", ["player", "injector"])
def test_people_change_only_what_is_of_this_game(name: str) -> None:
    for statement in statements(ROOT / f"chaosgood_ext/stack/policies/{name}.json"):
        if "*" in resources(statement) or statement["Sid"] in BOUND_ELSEWHERE:
            continue
        by_condition = "chaosgood" in json.dumps(statement.get("Condition", {}))
        for arn in resources(statement):
            assert by_condition or any(word in arn for word in OURS), f"{statement['Sid']}: {arn}"


def test_people_stay_within_the_topology_in_cost() -> None:
    for name in ("player", "injector"):
        by_sid = {each["Sid"]: each for each in statements(ROOT / f"chaosgood_ext/stack/policies/{name}.json")}
        database = by_sid["DatabaseInBounds"]["Condition"]
        assert database["StringEqualsIfExists"]["rds:DatabaseClass"] == list(TOPOLOGY["db_instance_classes"])
        assert database["NumericLessThanEqualsIfExists"] == {
            "rds:StorageSize": "50",
            "rds:Piops": str(IOPS_INCLUDED_IN_GP3),
        }
        group = by_sid["CapacityInBounds"]["Condition"]
        size = group["NumericLessThanEqualsIfExists"]["autoscaling:MaxSize"]
        assert int(size) == max(group["max_size"] for group in TOPOLOGY["auto_scaling_groups"].values())
        assert group["Null"] == {"autoscaling:InstanceTypes": "true", "autoscaling:LaunchConfigurationName": "true"}
        assert group["BoolIfExists"] == {"autoscaling:LaunchTemplateVersionSpecified": "false"}
    launched = statements(ROOT / "chaosgood_ext/stack/policies/player.json")
    types = next(each for each in launched if each["Sid"] == "LaunchHosts")["Condition"]["StringEquals"][
        "ec2:InstanceType"
    ]
    used = {each["instance_type"] for key in ("auto_scaling_groups", "instances") for each in TOPOLOGY[key].values()}
    assert set(types) == used


def test_what_iam_cannot_bound_is_nobodys_to_call() -> None:
    """No condition key tells the instance type, the protection or the bounds that these calls set."""
    beyond = {
        "application-autoscaling:RegisterScalableTarget",
        "autoscaling:StartInstanceRefresh",
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
    }
    for name in ("player", "injector"):
        granted = statements(ROOT / f"chaosgood_ext/stack/policies/{name}.json")
        assert beyond & {action for statement in granted for action in actions(statement)} == set(), name


def test_a_launched_host_has_the_disks_of_the_templates_at_most(state: State) -> None:
    launched = statements(ROOT / "chaosgood_ext/stack/policies/player.json")
    bounds = next(each for each in launched if each["Sid"] == "LaunchHostsOn")["Condition"]
    disks = [
        mapping["ebs"][0]
        for template in state.all("aws_launch_template").values()
        for mapping in template["block_device_mappings"]
    ]
    assert bounds == {
        "StringEqualsIfExists": {"ec2:VolumeType": "gp3"},
        "NumericLessThanEqualsIfExists": {
            "ec2:VolumeSize": str(max(disk["volume_size"] for disk in disks)),
            "ec2:VolumeIops": str(IOPS_INCLUDED_IN_GP3),
            "ec2:VolumeThroughput": str(MIB_PER_S_INCLUDED_IN_GP3),
        },
        "BoolIfExists": {"ec2:Encrypted": "true"},
    }
    assert {disk["volume_type"] for disk in disks} == {"gp3"}


def test_player_may_do_every_fix() -> None:
    """By the AWS CLI's words, which name the API's actions."""
    allowed = [
        action
        for statement in statements(ROOT / "chaosgood_ext/stack/policies/player.json")
        if statement["Effect"] == "Allow"
        for action in actions(statement)
    ]
    services = {"elbv2": "elasticloadbalancing"}
    written = {"logs:Tail": "logs:FilterLogEvents", "ec2:Wait": "ec2:DescribeInstances"}
    calls = set()
    for path in (ROOT / "experiments").glob("*.yaml"):
        for extension in yaml.safe_load(path.read_text()).get("extensions", []):
            for fix in extension.get("fixes", []):
                for service, words in re.findall(r"\baws (\w+) ([a-z][a-z-]+)", fix["run"]):
                    call = "".join(word.title() for word in words.split("-")).replace("Db", "DB")
                    calls.add(f"{services.get(service, service)}:{call}")
    assert calls
    named = {written.get(call, call) for call in calls} - {"sts:GetCallerIdentity"}
    refused = [c for c in named if not any(re.fullmatch(a.replace("*", ".*"), c, re.IGNORECASE) for a in allowed)]
    assert refused == []


def test_injector_may_undo_every_fault_and_the_player_what_is_not_undone_on_a_host() -> None:
    """By the names of inverses: AWS's calls, but for three."""
    otherwise = {
        "autoscaling:UpdateSubnets": "autoscaling:UpdateAutoScalingGroup",
        "ecs:UpdateDesiredCount": "ecs:UpdateService",
        "ssm:ThawProgram": "ssm:SendCommand",
    }
    needed = set()
    for kind in KINDS:
        service, words = kind.split(".")
        call = "".join(word.title() for word in words.split("_")).replace("Db", "DB")
        action = f"{service.replace('elbv2', 'elasticloadbalancing')}:{call}"
        needed.add(otherwise.get(action, action))
    for name, wanted in (("injector", needed), ("player", needed - {"ssm:SendCommand"})):
        granted = statements(ROOT / f"chaosgood_ext/stack/policies/{name}.json")
        assert wanted - {action for statement in granted for action in actions(statement)} == set(), name


def test_boundary_covers_what_the_roles_have() -> None:
    boundary = [
        a
        for s in statements(ROOT / "chaosgood_ext/stack/policies/boundary.json")
        if s["Effect"] == "Allow"
        for a in actions(s)
    ]
    for name in (
        "player",
        "injector",
        "ci",
        "task",
        "execution",
        "instance",
        "instance-web",
        "instance-app",
        "instance-monitoring",
        "instance-workstation",
    ):
        for statement in statements(ROOT / f"chaosgood_ext/stack/policies/{name}.json"):
            for action in actions(statement):
                covered = any(re.fullmatch(re.escape(allowed).replace(r"\*", ".*"), action) for allowed in boundary)
                assert covered, f"{name} {statement['Sid']}: {action} is beyond the boundary"
