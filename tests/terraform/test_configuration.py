"""What terraform would make: outputs, rules, sizes, tags, lifetime; nothing public but one load balancer."""

from __future__ import annotations

import base64
import fnmatch
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from chaosgood_ext.environment.outputs import FROM_ENVIRONMENT, parse

from .conftest import CONFIGURATION, PROVIDER_VERSION, ROOT, State, Terraform, apply_only

STACK = ROOT / "chaosgood_ext/stack"
EXPIRES_AT = "2026-11-22T18:30:00Z"
TAGS = {"project": "chaosgood", "game": "chaosgood", "expires-at": EXPIRES_AT}

INGRESS = {
    ("edge", "tcp", 80, 80, "0.0.0.0/0"),
    ("web", "tcp", 80, 80, "edge"),
    ("web", "tcp", 9100, 9100, "monitoring"),
    ("web", "tcp", 9113, 9113, "monitoring"),
    ("web", "tcp", 3903, 3903, "monitoring"),
    ("internal", "tcp", 80, 80, "web"),
    ("app", "tcp", 32768, 65535, "internal"),
    ("app", "tcp", 32768, 65535, "monitoring"),
    ("app", "tcp", 9100, 9100, "monitoring"),
    ("database", "tcp", 5432, 5432, "app"),
    ("database", "tcp", 5432, 5432, "monitoring"),
    ("monitoring", "tcp", 9100, 9100, "monitoring"),
    ("monitoring", "tcp", 9090, 9090, "workstation"),
    ("monitoring", "tcp", 9093, 9093, "workstation"),
}
EGRESS = {
    (tier, "-1", None, None, "0.0.0.0/0") for tier in ("edge", "web", "internal", "app", "monitoring", "workstation")
}


def tiers(state: State) -> dict[str, str]:
    return {group["id"]: group["tags"]["tier"] for group in state.all("aws_security_group").values()}


def rules(state: State, direction: str) -> set[tuple[Any, ...]]:
    tier = tiers(state)
    return {
        (
            tier[rule["security_group_id"]],
            rule["ip_protocol"],
            # A number that is not said is made up by the mocked provider.
            rule["from_port"] if rule["ip_protocol"] != "-1" else None,
            rule["to_port"] if rule["ip_protocol"] != "-1" else None,
            rule["cidr_ipv4"] if "/" in (rule["cidr_ipv4"] or "") else tier[rule["referenced_security_group_id"]],
        )
        for rule in state.all(f"aws_vpc_security_group_{direction}_rule").values()
    }


def hosts(state: State) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from state.all("aws_launch_template").items()
    yield from state.all("aws_instance").items()


def user_data(state: State) -> dict[str, str]:
    """First boots by tier."""
    scripts = [base64.b64decode(each["user_data"]).decode() for each in state.all("aws_launch_template").values()]
    scripts += [each["user_data"] for each in state.all("aws_instance").values()]
    return {re.findall(r"host of the tier (\w+)", script)[0]: script for script in scripts}


@pytest.mark.parametrize("example", sorted((CONFIGURATION / "examples").iterdir()), ids=lambda path: str(path.name))
def test_examples_are_valid_where_they_are_copied_to(example: Path, make_terraform: Callable[[], Terraform]) -> None:
    fresh = make_terraform()
    for path in example.glob("*.tf"):
        shutil.copy(path, fresh.folder)
    said = json.loads(fresh.must("validate", "-json"))
    assert (said["valid"], said["error_count"]) == (True, 0), said["diagnostics"]


# Validation does not look at where the state is; initialisation does before anything else, so it needs no account.
def state_is_kept(where: str, folder: Path, terraform: Terraform) -> str:
    folder.mkdir()
    (folder / "state.tf").write_text(where)
    asked = [terraform.program, f"-chdir={folder}", "init", "-no-color", "-input=false"]
    done = subprocess.run(asked, env=terraform.environment, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def test_the_example_of_local_state_names_a_file(tmp_path: Path, terraform: Terraform) -> None:
    where = (CONFIGURATION / "examples/local-state/backend.tf").read_text()
    assert 'Successfully configured the backend "local"' in state_is_kept(where, tmp_path / "right", terraform)
    assert "An argument named" in state_is_kept(where.replace("path", "pth"), tmp_path / "wrong", terraform)


def test_the_example_of_hcp_terraform_lacks_nothing_but_a_login(tmp_path: Path, terraform: Terraform) -> None:
    where = (CONFIGURATION / "examples/hcp-terraform/cloud.tf").read_text()
    said = state_is_kept(where, tmp_path / "right", terraform)
    assert "Initializing HCP Terraform" in said
    assert not re.search("argument|block|expected", said), said
    assert "An argument named" in state_is_kept(
        where.replace("organization =", "organisation ="), tmp_path / "wrong", terraform
    )


def test_is_formatted(terraform: Terraform) -> None:
    done = terraform.run("fmt", "-check", "-diff", "-recursive")
    assert done.returncode == 0, f"run `terraform fmt -recursive terraform`:\n{done.stdout}"


def test_is_valid(terraform: Terraform) -> None:
    said = json.loads(terraform.must("validate", "-json"))
    assert [problem for problem in said["diagnostics"] if problem["severity"] == "error"] == []


def test_no_older_provider_is_taken_than_the_one_that_it_is_held_against() -> None:
    """Older ones of the same major version lack arguments, such as a schedule's `action_after_completion`."""
    asked = re.compile(r'source\s+= "hashicorp/aws"\s+version = "(.+)"')
    uses = {path.parent for path in CONFIGURATION.rglob("*.tf") if 'resource "aws_' in path.read_text()}
    found = {folder: asked.findall((folder / "versions.tf").read_text()) for folder in {CONFIGURATION, *uses}}
    assert {folder: version for folder, version in found.items() if version != [f">= {PROVIDER_VERSION}, < 7.0"]} == {}


def test_passes_its_own_tests(tested: list[dict[str, Any]]) -> None:
    problems = [line["@message"] for line in tested if line["type"] == "diagnostic" and line["@level"] == "error"]
    (summary,) = (line["test_summary"] for line in tested if line["type"] == "test_summary")
    assert (problems, summary["status"], summary["failed"], summary["errored"]) == ([], "pass", 0, 0)
    assert summary["passed"] == len(re.findall(r'^run "', _tests(), re.MULTILINE))


def _tests() -> str:
    return (CONFIGURATION / "tests/environment.tftest.hcl").read_text()


def test_stand_in_provider_cannot_be_mistaken_for_the_real_one(terraform: Terraform) -> None:
    variables = ["-var=account_id=210987654321", f"-var=expires_at={EXPIRES_AT}", "-var=alert_email=a@example.com"]
    done = terraform.run("plan", "-no-color", "-input=false", *variables)
    assert done.returncode != 0
    assert "This is no AWS provider" in done.stderr


def test_outputs_are_those_that_games_read(state: State) -> None:
    outputs = parse(state.outputs["environment"], "terraform")
    assert (outputs.kind, outputs.account_id, outputs.timing.time_scale) == ("aws", "210987654321", 1)
    assert {name: url.access for name, url in outputs.urls.items() if name != "application"} == dict.fromkeys(
        ("prometheus", "alertmanager", "dashboards"), "session-manager"
    )
    assert outputs.urls["application"].access == "direct"
    assert set(state.outputs) == {"environment"}


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_outputs_have_what_the_scenario_asks_for(path: Path, state: State) -> None:
    known = parse(state.outputs["environment"], "terraform").configuration()
    asked = yaml.safe_load(path.read_text()).get("configuration") or {}
    assert {key for key, value in asked.items() if value == FROM_ENVIRONMENT} - set(known) == set()


def test_security_groups_admit_exactly_this(state: State) -> None:
    assert rules(state, "ingress") == INGRESS


def test_security_groups_let_out_exactly_this(state: State) -> None:
    assert rules(state, "egress") == EGRESS


def test_only_the_public_load_balancer_is_open_to_the_world(state: State) -> None:
    assert {rule for rule in rules(state, "ingress") if "/" in rule[4]} == {("edge", "tcp", 80, 80, "0.0.0.0/0")}
    public = [each["name"] for each in state.all("aws_lb").values() if not each["internal"]]
    assert public == ["chaosgood-edge"]
    database = state.one("aws_db_instance")
    assert database["publicly_accessible"] is False
    assert database["storage_encrypted"] is True
    buckets = {each["bucket"] for each in state.all("aws_s3_bucket").values()}
    blocks = list(state.all("aws_s3_bucket_public_access_block").values())
    assert len(blocks) == len(buckets) == 2
    for block in blocks:
        switches = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
        assert all(block[switch] for switch in switches)


def test_descriptions_have_only_the_characters_that_ec2_takes(state: State) -> None:
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
    allowed = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")
    kinds = ("aws_security_group", "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
    said = {each["description"] for kind in kinds for each in state.all(kind).values()}
    assert [text for text in said if not allowed.fullmatch(text)] == []


def test_default_security_group_admits_nothing(state: State) -> None:
    group = state.one("aws_default_security_group")
    assert (group["ingress"] or [], group["egress"] or []) == ([], [])


def test_there_is_no_nat_gateway_no_fixed_address_and_no_user(state: State) -> None:
    forbidden = {
        "aws_nat_gateway",
        "aws_eip",
        "aws_vpn_gateway",
        "aws_iam_user",
        "aws_iam_access_key",
        "aws_vpc_endpoint",
    }
    assert {each["type"] for each in state.resources} & forbidden == set()


def test_sizes_are_the_cheap_ones(state: State) -> None:
    sizes = {each["tags"]["tier"]: each["instance_type"] for _, each in hosts(state)}
    assert sizes == {"web": "t3.micro", "app": "t3.small", "monitoring": "t3.small", "workstation": "t3.nano"}
    groups = {
        each["name"]: (each["min_size"], each["desired_capacity"], each["max_size"])
        for each in state.all("aws_autoscaling_group").values()
    }
    assert groups == {"chaosgood-web": (2, 2, 4), "chaosgood-app": (2, 2, 4)}
    database = state.one("aws_db_instance")
    assert (database["instance_class"], database["allocated_storage"], database["multi_az"]) == (
        "db.t4g.micro",
        20,
        False,
    )
    target = state.one("aws_appautoscaling_target")
    assert (target["min_capacity"], target["max_capacity"]) == (2, 4)


def test_hosts_give_credentials_to_nobody_but_themselves(state: State) -> None:
    for address, host in hosts(state):
        (options,) = host["metadata_options"]
        assert (options["http_tokens"], options["http_put_response_hop_limit"]) == ("required", 1), address


def test_volumes_are_encrypted_and_go_with_their_host(state: State) -> None:
    volumes = [
        (address, v["ebs"][0])
        for address, host in state.all("aws_launch_template").items()
        for v in host["block_device_mappings"]
    ]
    assert len(volumes) == 2
    assert [address for address, volume in volumes if str(volume["encrypted"]) != "true"] == []
    roots = [(address, host["root_block_device"][0]) for address, host in state.all("aws_instance").items()]
    assert len(roots) == 2
    assert [address for address, volume in roots if not volume["encrypted"]] == []


def test_what_the_provider_does_not_tag_is_tagged_by_hand(state: State) -> None:
    provider = (CONFIGURATION / "versions.tf").read_text()
    assert re.search(r"default_tags \{\s+tags = local.tags\s+\}", provider)
    for group in state.all("aws_autoscaling_group").values():
        tags = {tag["key"]: tag["value"] for tag in group["tag"] if tag["propagate_at_launch"]}
        assert TAGS.items() <= tags.items()
    for template in state.all("aws_launch_template").values():
        made = {each["resource_type"]: each["tags"] for each in template["tag_specifications"]}
        assert set(made) == {"instance", "volume", "network-interface"}
        assert all(TAGS.items() <= tags.items() for tags in made.values())
    for host in state.all("aws_instance").values():
        assert TAGS.items() <= host["root_block_device"][0]["tags"].items()


def test_roles_have_a_boundary_and_people_an_hour(state: State) -> None:
    roles = state.all("aws_iam_role")
    boundaries = {each["arn"] for each in state.all("aws_iam_policy").values()}
    assert [address for address, role in roles.items() if role["permissions_boundary"] not in boundaries] == []
    people = {
        role["name"]: role for role in roles.values() if role["name"] in ("chaosgood-player", "chaosgood-injector")
    }
    assert {role["max_session_duration"] for role in people.values()} == {3600}
    for role in people.values():
        (statement,) = json.loads(role["assume_role_policy"])["Statement"]
        assert statement["Principal"] == {"AWS": "arn:aws:iam::210987654321:root"}
        assert "sts:SetSourceIdentity" in statement["Action"]
        patterns = statement["Condition"]["ArnLike"]["aws:PrincipalArn"]
        assert all("210987654321" in pattern and pattern != "*" for pattern in patterns)


CI_RUN = "applied_with_a_repository"
SUBJECTS = {
    "repo:example/chaotic-good:environment:chaosgood": True,
    "repo:example@123456/chaotic-good@456789:environment:chaosgood": True,
    "repo:example/chaotic-good:environment:production": False,
    "repo:example/chaotic-good:ref:refs/heads/main": False,
    "repo:example@123456/other@456789:environment:chaosgood": False,
    "repo:example2@123456/chaotic-good@456789:environment:chaosgood": False,
}


@pytest.fixture(scope="module")
def state_with_ci(tested: list[dict[str, Any]]) -> State:
    (found,) = (line["test_state"] for line in tested if line.get("@testrun") == CI_RUN and "test_state" in line)
    return State(found)


@pytest.mark.parametrize(("subject", "may"), SUBJECTS.items())
def test_only_workflows_of_the_repository_in_the_environment_take_the_role(
    subject: str, may: bool, state_with_ci: State
) -> None:
    (role,) = (role for role in state_with_ci.all("aws_iam_role").values() if role["name"] == "chaosgood-ci")
    (statement,) = json.loads(role["assume_role_policy"])["Statement"]
    patterns = statement["Condition"]["StringLike"]["token.actions.githubusercontent.com:sub"]
    assert any(fnmatch.fnmatchcase(subject, pattern) for pattern in patterns) is may


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: all inline policies of a role together.
def test_the_policies_inside_a_role_fit_together(state_with_ci: State) -> None:
    sizes: Counter[str] = Counter()
    for each in state_with_ci.all("aws_iam_role_policy").values():
        sizes[each["role"]] += len(re.sub(r"\s", "", each["policy"]))
    names = {role["id"]: role["name"] for role in state_with_ci.all("aws_iam_role").values()}
    assert {names[role]: size for role, size in sizes.items() if size > 10240} == {}
    assert "chaosgood-ci" in {names[role] for role in sizes}


@pytest.mark.parametrize(
    ("run", "made"), [("planned_with_everything_that_is_optional", 1), ("the_accounts_identity_provider_is_used", 0)]
)
def test_an_identity_provider_is_made_only_where_the_account_has_none(
    run: str, made: int, tested: list[dict[str, Any]]
) -> None:
    """A second one of its address is refused by AWS, and one that was not made here is not deleted by a destroy."""
    (plan,) = [line["test_plan"] for line in tested if line["type"] == "test_plan" and line["@testrun"] == run]
    planned = [change["type"] for change in plan["resource_changes"]]
    assert planned.count("aws_iam_openid_connect_provider") == made
    assert planned.count("aws_iam_role_policy") > 0
    if not made:
        (role,) = [one for one in plan["resource_changes"] if one["address"] == "module.access.aws_iam_role.ci[0]"]
        assert "oidc-provider/token.actions" in role["change"]["after"]["assume_role_policy"]


def test_policies_are_of_this_account_and_this_vpc(state: State) -> None:
    said = "".join(
        each["policy"] for kind in ("aws_iam_policy", "aws_iam_role_policy") for each in state.all(kind).values()
    )
    assert "123456789012" not in said
    assert "vpc-chaosgood" not in said
    assert "arn:aws:ec2:us-east-1:210987654321:vpc/vpc-0123456789abcdef0" in said


def test_everything_that_costs_ends_at_its_time_to_live(state: State) -> None:
    schedules = state.all("aws_scheduler_schedule")
    calls: dict[str, list[tuple[str, str]]] = {}
    for each in schedules.values():
        (target,) = each["target"]
        calls.setdefault(each["schedule_expression"], []).append((target["arn"].rpartition(":")[2], target["input"]))
    assert set(calls) == {"at(2026-11-22T18:25:00)", "at(2026-11-22T18:30:00)"}
    ended, unprotected = (json.dumps(calls[f"at(2026-11-22T18:{minute}:00)"]) for minute in (30, 25))
    assert "ForceDelete" in ended
    # What AWS can be told to protect is unprotected some minutes before.
    for kind, key in {"aws_autoscaling_group": "name", "aws_lb": "arn", "aws_db_instance": "identifier"}.items():
        for each in state.all(kind).values():
            assert each[key] in unprotected, f"{kind} {each[key]} could be protected"
    for group in state.all("aws_autoscaling_group").values():
        assert group["name"] in ended
    for kind, key in {
        "aws_lb": "arn",
        "aws_instance": "id",
        "aws_db_instance": "identifier",
        "aws_ecs_service": "name",
    }.items():
        for each in state.all(kind).values():
            assert each[key] in ended, f"{kind} {each[key]} would stay"


def test_teardown_calls_apis_that_exist_with_arguments_that_they_know_and_permission(state: State) -> None:
    session = botocore.session.get_session()
    allowed = {
        action
        for statement in json.loads((STACK / "policies/lifetime.json").read_text())["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    for schedule in state.all("aws_scheduler_schedule").values():
        (target,) = schedule["target"]
        service, operation = target["arn"].removeprefix("arn:aws:scheduler:::aws-sdk:").split(":")
        model = session.get_service_model({"elasticloadbalancingv2": "elbv2"}.get(service, service))
        name = next(name for name in model.operation_names if name.lower() == operation.lower())
        # AWS's Java names, which differ from botocore's in their capitals only.
        known = {member.lower() for member in model.operation_model(name).input_shape.members}
        given = json.loads(target["input"])
        assert {key.lower() for key in given} <= known
        required = {member.lower() for member in model.operation_model(name).input_shape.required_members}
        assert required <= {key.lower() for key in given}
        assert f"{service.removesuffix('v2')}:{name}" in allowed


def test_costs_are_heard_of_and_lock_the_player_out(state: State) -> None:
    budget = state.one("aws_budgets_budget")
    assert (budget["time_unit"], budget["limit_amount"]) == ("DAILY", "10")
    assert budget["notification"][0]["subscriber_email_addresses"] == ["facilitator@example.com"]
    action = state.one("aws_budgets_budget_action")
    assert (action["approval_model"], action["definition"][0]["iam_action_definition"][0]["roles"]) == (
        "AUTOMATIC",
        ["chaosgood-player"],
    )
    alarm = state.one("aws_cloudwatch_metric_alarm")
    assert (alarm["namespace"], alarm["metric_name"]) == ("AWS/Billing", "EstimatedCharges")
    assert alarm["alarm_actions"] == [state.one("aws_sns_topic")["arn"]]
    (said,) = json.loads(state.one("aws_sns_topic_policy")["policy"])["Statement"]
    assert said["Principal"] == {"Service": "cloudwatch.amazonaws.com"}


def test_a_player_who_is_locked_out_is_destroyed_all_the_same(state: State) -> None:
    """IAM deletes neither role nor policy while one is attached to the other, and terraform did not attach them."""
    people = [each for each in state.resources if each["address"].startswith("module.access.aws_iam_role.people[")]
    assert len(people) == 2
    for role in people:
        assert role["values"]["force_detach_policies"]
        assert "module.access.aws_iam_policy.lockout" in role["depends_on"], "the policy goes after the role"


def test_logs_are_kept_for_days_only(state: State) -> None:
    groups = state.all("aws_cloudwatch_log_group")
    assert len(groups) == 6
    assert {each["retention_in_days"] for each in groups.values()} == {3}
    assert state.one("aws_flow_log")["traffic_type"] == "ALL"


def test_every_file_of_a_tier_is_where_its_hosts_fetch_it(state: State) -> None:
    uploaded = {each["key"] for each in state.all("aws_s3_object").values()}
    wanted = {
        str(path.relative_to(STACK))
        for tier in ("common", "web", "shop", "monitoring")
        for path in (STACK / tier).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert uploaded == wanted


# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: so much before it is encoded.
def test_first_boots_are_shell_scripts_that_fit(state: State) -> None:
    scripts = user_data(state)
    assert set(scripts) == {"web", "app", "monitoring", "workstation"}
    for tier, script in scripts.items():
        assert len(script.encode()) <= 16 * 1024
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
        assert (done.returncode, done.stderr) == (0, ""), tier


PACKAGES = {
    "grafana-server": "grafana",
}
"""Units whose package has another name."""


@pytest.mark.parametrize("tier", ["web", "monitoring"])
def test_hosts_install_the_program_of_each_unit_and_start_it(tier: str, state: State) -> None:
    script = user_data(state)[tier]
    installed = {word for line in re.findall(r"apt-get install (.*)", script) for word in re.findall(r"[\w-]+", line)}
    units = [
        path.stem for folder in ("common", tier) for path in (STACK / folder / "etc/systemd/system").glob("*.service")
    ]
    started = set(re.findall(r"^for unit in (.*); do$", script, re.MULTILINE)[-1].split())
    assert started == set(units)
    assert {PACKAGES.get(unit, unit) for unit in units} - installed == set()


def changed(plan: dict[str, Any], kind: str) -> set[tuple[str, str]]:
    """What a plan does to resources of a kind: the action, and each attribute that changes."""
    found = set()
    for each in plan["resource_changes"]:
        if each["type"] == kind:
            (action,), before, after = each["change"]["actions"], each["change"]["before"], each["change"]["after"]
            found |= {(action, name) for name in after if after[name] != before[name]}
    return found


def test_a_moved_end_makes_no_host_anew(plans: dict[str, dict[str, Any]]) -> None:
    """A group is refreshed when its launch template's block changes; an instance is replaced by other user data."""
    moved = plans["prolonged"]
    assert changed(moved, "aws_scheduler_schedule") == {("update", "schedule_expression")}
    assert changed(moved, "aws_autoscaling_group") == {("update", "tag")}
    assert changed(moved, "aws_launch_template") == {("update", "tag_specifications")}
    assert changed(moved, "aws_instance") == {("update", "root_block_device")}


@pytest.mark.parametrize(
    ("file", "tiers"),
    [
        ("web/etc/nginx/nginx.conf", {"web"}),
        ("common/etc/chaosgood/bashrc", {"web", "app", "monitoring", "workstation"}),
    ],
)
def test_a_changed_file_makes_the_hosts_anew_that_have_it(
    file: str, tiers: set[str], state: State, make_terraform: Callable[[], Terraform]
) -> None:
    fresh = make_terraform()
    path = fresh.folder.parent / "chaosgood_ext/stack" / file
    path.write_text(f"{path.read_text()}\n")
    before, after = made_of(state), made_of(apply_only(fresh))
    assert {tier for tier in before if before[tier] != after[tier]} == tiers


@pytest.mark.parametrize(
    ("web", "app"),
    [
        (
            ("modules/web/main.tf", "volume_size = 8", "volume_size = 9"),
            ("modules/app/main.tf", "limit = 1", "limit = 2"),
        ),
        (
            (
                "main.tf",
                "= local.topology.auto_scaling_groups.web\n",
                '= merge(local.topology.auto_scaling_groups.web, { security_groups = ["app"] })\n',
            ),
            ("main.tf", "instance_profiles.app", "instance_profiles.web"),
        ),
    ],
)
def test_another_disk_metadata_group_or_profile_makes_the_hosts_anew(
    web: tuple[str, str, str], app: tuple[str, str, str], state: State, make_terraform: Callable[[], Terraform]
) -> None:
    fresh = make_terraform()
    for file, old, new in (web, app):
        path = fresh.folder / file
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))
    before, after = made_of(state), made_of(apply_only(fresh))
    assert {tier for tier in before if before[tier] != after[tier]} == {"web", "app"}


def test_the_shop_starts_when_its_database_has_its_name(terraform: Terraform) -> None:
    """Who is told that there is no such name believes that for minutes."""
    waits: dict[str, set[str]] = {}
    for one, other in re.findall(r'"([^"]+)" -> "([^"]+)"', terraform.must("graph")):
        waits.setdefault(one, set()).add(other)
    reached, left = set[str](), ["module.app.aws_ecs_service.this"]
    while left:
        new = waits.get(left.pop(), set()) - reached
        reached |= new
        left += new
    assert "module.names.aws_route53_record.db_instance" in reached


def made_of(state: State) -> dict[str, str]:
    """What of each tier makes terraform replace its hosts when it is another: template's name, or user data."""
    templates = {each["tags"]["tier"]: each["name"] for each in state.all("aws_launch_template").values()}
    assert all(
        each["launch_template"][0]["version"] == "$Latest" for each in state.all("aws_autoscaling_group").values()
    )
    # The mocked provider makes another ARN up each time.
    instances = {
        each["tags"]["tier"]: re.sub("role_arn = .*", "", each["user_data"])
        for each in state.all("aws_instance").values()
        if each["user_data_replace_on_change"]
    }
    return templates | instances


def test_hosts_are_refreshed_one_by_one_and_none_goes_before_its_successor_is_in_service(state: State) -> None:
    for group in state.all("aws_autoscaling_group").values():
        (refresh,) = group["instance_refresh"]
        (preferences,) = refresh["preferences"]
        assert (refresh["strategy"], preferences["min_healthy_percentage"]) == ("Rolling", 100)
        assert group["max_size"] >= group["desired_capacity"] * preferences["max_healthy_percentage"] / 100
        (hook,) = group["initial_lifecycle_hook"]
        assert hook["default_result"] == "ABANDON"


def test_container_instances_have_the_image_before_a_task_comes(state: State) -> None:
    script = user_data(state)["app"]
    (container,) = json.loads(state.one("aws_ecs_task_definition")["container_definitions"])
    assert f"docker build --tag {container['image']} /opt/shop" in script
    assert "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached" in script
    assert "ECS_CLUSTER=chaosgood" in script


def test_database_password_is_in_no_file_and_in_no_state(state: State) -> None:
    database = state.one("aws_db_instance")
    assert database["manage_master_user_password"] is True
    (container,) = json.loads(state.one("aws_ecs_task_definition")["container_definitions"])
    assert "DATABASE_PASSWORD" not in {each["name"] for each in container["environment"]}
    (secret,) = container["secrets"]
    assert secret["valueFrom"] == "arn:aws:secretsmanager:us-east-1:210987654321:secret:rds!db-1:password::"


def test_images_are_looked_up_where_their_makers_publish_them(state: State) -> None:
    asked = {each["values"]["name"] for each in state.resources if each["mode"] == "data"}
    assert asked == {
        "/aws/service/debian/release/12/latest/amd64",
        "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
    }


def test_destroy_is_never_refused(state: State) -> None:
    database = state.one("aws_db_instance")
    assert (database["deletion_protection"], database["skip_final_snapshot"]) == (False, True)
    assert not any(each["enable_deletion_protection"] for each in state.all("aws_lb").values())
    assert all(each["force_destroy"] for each in state.all("aws_s3_bucket").values())
    assert all(each["force_delete"] for each in state.all("aws_autoscaling_group").values())
    assert "prevent_destroy" not in "".join(path.read_text() for path in CONFIGURATION.rglob("*.tf"))
