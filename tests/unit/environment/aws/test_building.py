"""Building and taking down, with an AWS that lives in this process and a terraform that fails as terraform does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chaosgood_ext.environment.aws import building, expiry, settings
from chaosgood_ext.environment.aws.asking import Aws
from chaosgood_ext.environment.aws.booting import Boots
from chaosgood_ext.environment.aws.plans import Change
from chaosgood_ext.environment.aws.sweep.sweeper import Sweeper
from chaosgood_ext.environment.aws.terraform import Terraform, TerraformFailed
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable
from tests.fakes.outputs import outputs_document

NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
TOPOLOGY = json.loads(files("chaosgood_ext.stack").joinpath("topology.json").read_text())
TAGS = [{"Key": "game", "Value": "chaosgood"}]
ACCOUNT = "123456789012"
SESSION = boto3.Session()
"""One for all: each would read the models of twenty services anew."""


@dataclass
class FakeTerraform:
    """Makes a VPC with a security group through the API; fails in `failures` steps, each once."""

    failures: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    vpc: str = ""
    told: dict[str, Any] = field(default_factory=dict)

    def _step(self, name: str) -> None:
        self.done.append(name)
        if name in self.failures:
            raise TerraformFailed(name, self.failures.pop(name))

    def init(self) -> None:
        self._step("init")

    def plan(self, path: Path, variables: Path) -> list[Change]:
        self.told = json.loads(variables.read_text())
        self._step("plan")
        return [Change("create", "module.network.aws_vpc.this", "aws_vpc")]

    def apply(self, path: Path) -> None:
        if not self.vpc:
            ec2 = boto3.client("ec2", region_name="us-east-1")
            made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": TAGS}])
            self.vpc = made["Vpc"]["VpcId"]
            group = ec2.create_security_group(
                GroupName="chaosgood-database",
                Description="Database",
                VpcId=self.vpc,
                TagSpecifications=[{"ResourceType": "security-group", "Tags": TAGS}],
            )["GroupId"]
            self.known = {self.vpc, group, *(rule["SecurityGroupRuleId"] for rule in rules(group))}
        self._step("apply")

    def destroy(self) -> None:
        self._step("destroy")
        ec2 = boto3.client("ec2", region_name="us-east-1")
        if not ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["Vpcs"]:
            return
        groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["SecurityGroups"]
        for group in groups:
            if group["GroupName"] == "chaosgood-database":
                ec2.delete_security_group(GroupId=group["GroupId"])
            elif group["GroupName"] != "default":
                raise TerraformFailed(
                    "destroy", f"api error DependencyViolation: The vpc '{self.vpc}' has dependencies"
                )
        iam = boto3.client("iam", region_name="us-east-1")
        for policy in iam.list_policies(Scope="Local")["Policies"]:
            if policy["AttachmentCount"]:  # moto would delete it nevertheless
                raise TerraformFailed(
                    "destroy", "api error DeleteConflict: Cannot delete a policy attached to entities."
                )
            iam.delete_policy(PolicyArn=policy["Arn"])
        if self.vpc:
            ec2.delete_vpc(VpcId=self.vpc)

    def output(self) -> object:
        document = outputs_document(kind="aws", name="chaosgood", endpoint_url=None)
        del document["credentials"]
        return document

    def ids(self) -> set[str]:
        return self.known


def rules(group: str) -> list[dict[str, Any]]:
    ec2 = boto3.client("ec2", region_name="us-east-1")
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return list(found["SecurityGroupRules"])


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    # moto knows no agents of Systems Manager.
    monkeypatch.setattr(Boots, "_ask", lambda _, instances: dict.fromkeys(instances, "done"))
    with mock_aws():
        yield


def site(tmp_path: Path, terraform: FakeTerraform, accounts: tuple[str, ...] = (ACCOUNT,)) -> building.Site:
    return building.Site(
        settings.Settings(accounts, "a@example.com", 3),
        TOPOLOGY,
        SESSION,
        terraform,
        tmp_path / "aws/outputs.json",
        folder=tmp_path,
        now=lambda: NOW,
    )


def up(where: building.Site, hours: float | None = None) -> None:
    with building.plan(where, hours) as planned:
        building.build(where, planned)


def test_up_keeps_the_outputs_that_games_read(tmp_path: Path) -> None:
    where = site(tmp_path, FakeTerraform())
    up(where)
    assert json.loads(where.outputs.read_text())["kind"] == "aws"
    assert settings.written(tmp_path)["expires_at"] == "2026-11-22T19:00:00Z"
    key = where.outputs.with_name("ssh-key.pub").read_text().strip()
    assert settings.written(tmp_path)["ssh_public_key"] == key


def test_an_account_that_is_not_allowed_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    terraform = FakeTerraform()
    with pytest.raises(BadInput, match="allows 210987654321 only"):
        up(site(tmp_path, terraform, ("210987654321",)))
    assert terraform.done == []
    assert settings.written(tmp_path) == {}


def test_a_half_finished_build_goes_on_and_keeps_its_end(tmp_path: Path) -> None:
    terraform = FakeTerraform(failures={"apply": "api error VcpuLimitExceeded: more vCPU"})
    where = site(tmp_path, terraform)
    with pytest.raises(TerraformFailed, match="quota"):
        up(where)
    assert not where.outputs.exists()
    later = replace(where, now=lambda: NOW.replace(hour=17))
    up(later)
    assert settings.written(tmp_path)["expires_at"] == "2026-11-22T19:00:00Z"
    assert where.outputs.exists()


def test_an_expired_environment_gets_a_new_end_and_hours_move_it(tmp_path: Path) -> None:
    where = site(tmp_path, FakeTerraform())
    up(where)
    up(replace(where, now=lambda: NOW.replace(hour=20)))
    assert settings.written(tmp_path)["expires_at"] == "2026-11-22T23:00:00Z"
    up(where, 1)
    assert settings.written(tmp_path)["expires_at"] == "2026-11-22T17:00:00Z"


def test_hosts_that_are_up_get_the_new_end_with_their_disks_and_interfaces(tmp_path: Path) -> None:
    terraform = FakeTerraform()
    where = site(tmp_path, terraform)
    up(where)
    ec2 = boto3.client("ec2", region_name="us-east-1")
    subnet = ec2.create_subnet(VpcId=terraform.vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    kinds = ("instance", "volume", "network-interface")
    tags = [*TAGS, {"Key": "expires-at", "Value": "2026-11-22T19:00:00Z"}]
    made = ec2.run_instances(
        ImageId="ami-12345678", MinCount=2, MaxCount=2, SubnetId=subnet,
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in kinds],
    )["Instances"]  # fmt: skip
    ec2.terminate_instances(InstanceIds=[made[1]["InstanceId"]])
    up(where, 2)
    wanted = [{"Name": "key", "Values": ["expires-at"]}, {"Name": "value", "Values": ["2026-11-22T18:00:00Z"]}]
    moved = ec2.describe_tags(Filters=wanted)["Tags"]
    assert {tag["ResourceType"] for tag in moved} == set(kinds)
    assert made[0]["InstanceId"] in {tag["ResourceId"] for tag in moved}
    assert made[1]["InstanceId"] not in {tag["ResourceId"] for tag in moved}
    assert expiry.move(where.aws, "2026-11-22T18:00:00Z") == []


def a_host_that_failed(monkeypatch: pytest.MonkeyPatch) -> str:
    ec2 = boto3.client("ec2", region_name="us-east-1")
    tags = [*TAGS, {"Key": "tier", "Value": "monitoring"}]
    asked = [{"ResourceType": "instance", "Tags": tags}]
    (made,) = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, TagSpecifications=asked)["Instances"]
    monkeypatch.setattr(Boots, "_ask", lambda _, instances: dict.fromkeys(instances, "failed at line 9: false"))
    return f"monitoring {made['InstanceId']}: failed at line 9: false"


def test_a_host_that_did_not_come_up_is_named_and_can_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, host = site(tmp_path, FakeTerraform()), a_host_that_failed(monkeypatch)
    with pytest.raises(EnvironmentUnavailable, match=host):
        up(where)
    assert where.outputs.exists()


def test_hosts_that_terraform_waited_for_in_vain_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform = FakeTerraform(failures={"apply": "timeout while waiting for state to become 'ok'"})
    told: list[str] = []
    where = building.Site(**{**vars(site(tmp_path, terraform)), "on_progress": told.append})
    host = a_host_that_failed(monkeypatch)
    with pytest.raises(TerraformFailed, match="too long"):
        up(where)
    assert told[-1] == host


def test_rules_that_a_responder_left_go_before_those_that_were_built_come_back(tmp_path: Path) -> None:
    terraform = FakeTerraform()
    where = site(tmp_path, terraform)
    up(where)
    ec2 = boto3.client("ec2", region_name="us-east-1")
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["chaosgood-database"]}])[
        "SecurityGroups"
    ]
    opened = [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=opened)
    up(where)
    assert {rule["SecurityGroupRuleId"] for rule in rules(group["GroupId"])} <= terraform.known


def test_planning_changes_nothing(tmp_path: Path) -> None:
    terraform = FakeTerraform()
    with building.plan(site(tmp_path, terraform), 24) as planned:
        assert planned.path.parent.is_dir()
    assert terraform.done == ["init", "plan"]
    assert terraform.told["expires_at"] == "2026-11-23T16:00:00Z"
    assert not planned.path.parent.exists()
    # An end that was only planned is nobody's, and so is the account.
    assert settings.written(tmp_path) == {}


def test_a_longer_end_that_was_only_planned_does_not_move_the_end(tmp_path: Path) -> None:
    where = site(tmp_path, FakeTerraform())
    up(where)
    with building.plan(where, 24):
        pass
    assert settings.written(tmp_path)["expires_at"] == "2026-11-22T19:00:00Z"
    later = replace(where, now=lambda: NOW.replace(hour=20))
    for _ in range(2):
        with building.plan(later) as planned:
            assert "expired at 2026-11-22T19:00:00Z" in planned.remarks[0]


def test_down_leaves_nothing_and_forgets(tmp_path: Path) -> None:
    where = site(tmp_path, FakeTerraform())
    up(where)
    assert building.take_down(where) == []
    assert list(where.outputs.parent.iterdir()) == []
    assert settings.written(tmp_path) == {}


def test_down_deletes_what_players_made_before_terraform_trips_over_it(tmp_path: Path) -> None:
    terraform = FakeTerraform()
    where = site(tmp_path, terraform)
    up(where)
    ec2 = boto3.client("ec2", region_name="us-east-1")
    ec2.create_security_group(GroupName="database-repair", Description="x", VpcId=terraform.vpc)
    subnet = ec2.create_subnet(VpcId=terraform.vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    made = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0][
        "InstanceId"
    ]
    ec2.delete_subnet(SubnetId=subnet)
    assert building.take_down(where) == []
    assert terraform.done.count("destroy") == 1
    (host,) = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"]
    assert host["State"]["Name"] == "terminated"
    assert Sweeper(Aws(SESSION, "us-east-1", "chaosgood")).left() == []


def test_down_deletes_the_role_of_a_player_whom_the_budget_locked_out(tmp_path: Path) -> None:
    terraform = FakeTerraform()
    where = site(tmp_path, terraform)
    up(where)
    iam = boto3.client("iam", region_name="us-east-1")
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName="chaosgood-player", AssumeRolePolicyDocument=document, Tags=TAGS)
    made = iam.create_policy(PolicyName="chaosgood-lockout", PolicyDocument=document, Tags=TAGS)
    lockout = made["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="chaosgood-player", PolicyArn=lockout)
    assert building.take_down(where) == []
    assert terraform.done.count("destroy") == 2
    assert iam.list_roles()["Roles"] == iam.list_policies(Scope="Local")["Policies"] == []


@pytest.mark.parametrize("step", ["init", "destroy"])
@pytest.mark.parametrize(
    "said",
    [
        "Error: Failed to query available provider packages: could not connect to registry.terraform.io",
        "Error: Error loading state: state snapshot was created by Terraform v9.9.9, which is newer",
        "Error: Error acquiring the state lock\nError message: 2 problems:\n- Unsupported state file format: no JSON",
        "api error DependencyViolation: The vpc 'vpc-1' has dependencies",
    ],
)
def test_down_leaves_nothing_whatever_becomes_of_terraform(step: str, said: str, tmp_path: Path) -> None:
    terraform = FakeTerraform()
    where = site(tmp_path, terraform)
    up(where)
    terraform.failures = {step: said}
    assert building.take_down(where) == []
    assert where.sweeper().left() == []
    assert terraform.done[-1] == "destroy"


def test_down_without_terraform_and_its_state_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = site(tmp_path, FakeTerraform())
    up(where)
    monkeypatch.setenv("PATH", str(tmp_path))
    told: list[str] = []
    without = replace(where, terraform=Terraform(tmp_path, told.append), on_progress=told.append)
    assert building.take_down(without) == []
    assert where.sweeper().left() == []
    assert "terraform is missing. Sweeping away what is there instead" in told
    assert "nothing is left, but terraform's state does not know it yet: terraform is missing." in told


def test_down_waits_for_another_terraform(tmp_path: Path) -> None:
    terraform = FakeTerraform()
    where = site(tmp_path, terraform)
    up(where)
    before = where.sweeper().left()
    terraform.failures = {"destroy": "Error: Error acquiring the state lock: resource temporarily unavailable"}
    with pytest.raises(TerraformFailed, match="another terraform"):
        building.take_down(where)
    assert where.sweeper().left() == before


def test_a_sweep_ends_with_credentials_that_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = site(tmp_path, FakeTerraform(failures={"destroy": "api error ExpiredToken: expired"}))
    up(where)

    def expired(_self: Any, operation: str, _asked: Any) -> Any:
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, operation)

    sweeper = where.sweeper()
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", expired)
    with pytest.raises(EnvironmentUnavailable, match="credentials expired"):
        sweeper.clear()


def test_what_aws_refuses_is_named_with_its_reason(tmp_path: Path) -> None:
    where = site(tmp_path, FakeTerraform())
    up(where)
    refused = {"AccessDenied": "iam:ListRoles", "UnauthorizedOperation": "ec2:DeleteVpc"}

    def refuse(model: Any, **_: Any) -> None:
        for code, call in refused.items():
            if call == f"{model.service_model.signing_name}:{model.name}":
                raise ClientError({"Error": {"Code": code, "Message": "no"}}, model.name)

    session = boto3.Session()
    session.events.register("before-call", refuse)
    left = Sweeper(Aws(session, "us-east-1", "chaosgood")).clear(deadline_s=0)
    (vpc,) = Sweeper(Aws(SESSION, "us-east-1", "chaosgood")).left()
    assert left == [f"{vpc} (UnauthorizedOperation)", "roles, which cannot be listed (AccessDenied)"]


def test_down_needs_no_file_of_the_build_and_no_end_in_the_future(tmp_path: Path) -> None:
    where = site(tmp_path, FakeTerraform())
    up(where)
    settings.forget(tmp_path)
    assert building.take_down(where) == []


def test_down_with_credentials_of_another_account_is_refused(tmp_path: Path) -> None:
    where = site(tmp_path, FakeTerraform())
    settings.write(where.settings, "210987654321", "2026-11-22T19:00:00Z", tmp_path)
    with pytest.raises(EnvironmentUnavailable, match="built in account 210987654321"):
        building.take_down(where)


def test_what_no_sweep_knows_is_named_and_nothing_of_others_is() -> None:
    elsewhere = boto3.client("sqs", region_name="us-east-1")
    elsewhere.create_queue(QueueName="forgotten", tags={"game": "chaosgood"})
    iam = boto3.client("iam", region_name="us-east-1")
    for name, tags in {"chaosgood-web": TAGS, "chaosgood-of-others": [], "other-web": TAGS}.items():
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=tags)
    autoscaling = boto3.client("autoscaling", region_name="us-east-1")
    autoscaling.create_launch_configuration(LaunchConfigurationName="any", ImageId="ami-1", InstanceType="t3.nano")
    for name, value in {"chaosgood-web": "chaosgood", "theirs": "another"}.items():
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name, LaunchConfigurationName="any", MinSize=0, MaxSize=0,
            AvailabilityZones=["us-east-1a"], Tags=[{"Key": "game", "Value": value, "PropagateAtLaunch": True}],
        )  # fmt: skip
    sweeper = Sweeper(Aws(SESSION, "us-east-1", "chaosgood"))
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:forgotten"
    assert sweeper.left() == ["auto scaling group chaosgood-web", "role chaosgood-web", queue]
    assert sweeper.clear(deadline_s=0) == [queue]


def test_log_groups_that_a_late_writer_made_anew_go_as_well(tmp_path: Path) -> None:
    where = site(tmp_path, FakeTerraform())
    up(where)
    logs = boto3.client("logs", region_name="us-east-1")
    for name in ("/chaosgood/flow", "/aws/rds/instance/chaosgood/postgresql", "/chaosgoodness/web"):
        logs.create_log_group(logGroupName=name)
    assert building.take_down(where) == []
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == ["/chaosgoodness/web"]


def test_disks_that_nothing_uses_any_more_go_as_well() -> None:
    ec2 = boto3.client("ec2", region_name="us-east-1")
    for tags in (TAGS, [{"Key": "game", "Value": "another"}]):
        wanted = [{"ResourceType": "volume", "Tags": tags}]
        ec2.create_volume(AvailabilityZone="us-east-1a", Size=8, TagSpecifications=wanted)
    assert Sweeper(Aws(SESSION, "us-east-1", "chaosgood")).clear(deadline_s=0) == []
    (volume,) = ec2.describe_volumes()["Volumes"]
    assert volume["Tags"] == [{"Key": "game", "Value": "another"}]


def test_a_sweep_touches_nothing_of_another_game() -> None:
    ec2 = boto3.client("ec2", region_name="us-east-1")
    other = [{"Key": "game", "Value": "another"}]
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": other}])["Vpc"][
        "VpcId"
    ]
    group = ec2.create_security_group(GroupName="theirs", Description="x", VpcId=vpc)["GroupId"]
    Sweeper(Aws(SESSION, "us-east-1", "chaosgood")).clear()
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]


GITHUB = "https://token.actions.githubusercontent.com"


def with_ci(tmp_path: Path) -> building.Site:
    decided = settings.Settings((ACCOUNT,), "a@example.com", 3, {"ci_repository": "example/chaotic-good"})
    return building.Site(**{**vars(site(tmp_path, FakeTerraform())), "settings": decided})


@pytest.mark.parametrize("tags", [[], [{"Key": "game", "Value": "another"}]])
def test_an_identity_provider_of_the_account_is_used(tmp_path: Path, tags: list[dict[str, str]]) -> None:
    iam = boto3.client("iam", region_name="us-east-1")
    made = iam.create_open_id_connect_provider(Url=GITHUB, ClientIDList=["sts.amazonaws.com"], Tags=tags)
    up(with_ci(tmp_path))
    assert settings.written(tmp_path)["ci_provider_arn"] == made["OpenIDConnectProviderArn"]


def test_an_identity_provider_that_this_environment_made_stays_its_own(tmp_path: Path) -> None:
    up(with_ci(tmp_path))
    assert "ci_provider_arn" not in settings.written(tmp_path)
    iam = boto3.client("iam", region_name="us-east-1")
    iam.create_open_id_connect_provider(Url=GITHUB, ClientIDList=["sts.amazonaws.com"], Tags=TAGS)
    up(with_ci(tmp_path))
    assert "ci_provider_arn" not in settings.written(tmp_path)


def test_an_identity_provider_that_no_workflow_could_use_is_said_before_anything_is_built(tmp_path: Path) -> None:
    iam = boto3.client("iam", region_name="us-east-1")
    iam.create_open_id_connect_provider(Url=GITHUB, ClientIDList=["else"])
    where = with_ci(tmp_path)
    with pytest.raises(EnvironmentUnavailable, match="add-client-id-to-open-id-connect-provider"):
        up(where)
    assert where.terraform.done == []  # type: ignore[attr-defined]


def test_a_plan_tells_of_an_end_that_is_over_of_a_lockout_and_of_rules_that_go(tmp_path: Path) -> None:
    terraform = FakeTerraform()
    where = site(tmp_path, terraform)
    up(where)
    with building.plan(where) as planned:
        assert (planned.remarks, planned.foreign) == ([], [])
    ec2, iam = (boto3.client(name, region_name="us-east-1") for name in ("ec2", "iam"))
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["chaosgood-database"]}])[
        "SecurityGroups"
    ]
    opened = [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5433, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=opened)
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
    iam.create_role(RoleName="chaosgood-player", AssumeRolePolicyDocument=document)
    lockout = iam.create_policy(PolicyName="chaosgood-lockout", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="chaosgood-player", PolicyArn=lockout)
    with building.plan(replace(where, now=lambda: NOW.replace(hour=20))) as planned:
        expired, locked_out = planned.remarks
        (foreign,) = planned.foreign
    assert expired.startswith("The environment expired at 2026-11-22T19:00:00Z")
    assert "locked out" in locked_out
    assert "chaos aws unlock" in locked_out
    assert foreign.startswith("chaosgood-database: tcp 5432-5433 from 0.0.0.0/0 (sgr-")


def test_a_destroy_needs_no_settings_where_terraform_was_told(tmp_path: Path) -> None:
    up(site(tmp_path, FakeTerraform()))
    for content in (None, "accounts = ["):
        if content:
            (tmp_path / "aws.toml").write_text(content)
        assert settings.to_destroy(tmp_path) == settings.Settings((ACCOUNT,), "a@example.com")
    settings.forget(tmp_path)
    with pytest.raises(BadInput, match="cannot be read"):
        settings.to_destroy(tmp_path)
