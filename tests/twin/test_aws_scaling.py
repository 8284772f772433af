"""What AWS documents of Auto Scaling, Elastic Load Balancing and CloudWatch, asked of boto3 and of the stock AWS CLI.

Each test names the page that documents what it expects, and uses nothing but the API: with clients of a real account
it would run there, against groups and load balancers of its own. `patience` is how many times as long things may take.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chaosgood_ext.twin.launcher import RunningTwin

pytestmark = pytest.mark.usefixtures("twin")

AUTO_SCALING = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/"
AUTO_SCALING_API = "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/"
BALANCING = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
BALANCING_API = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/"
CLOUDWATCH = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/"
CLOUDWATCH_API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"


@dataclass
class Account:
    """An account with a VPC, an image and a launch template; what is made here is gone afterwards."""

    client: Callable[[str], Any]
    eventually: Callable[..., Any]
    subnets: list[str]
    vpc: str
    image: str
    security_group: str
    cli_environment: dict[str, str]
    endpoint: list[str]
    patience: float = 1.0
    name: str = field(default_factory=lambda: f"contract-{uuid.uuid4().hex[:8]}")
    template: str = ""

    def __post_init__(self) -> None:
        self.scaling, self.ec2 = self.client("autoscaling"), self.client("ec2")
        self.elb, self.cloudwatch = self.client("elbv2"), self.client("cloudwatch")

    def cli(self, *arguments: str) -> Any:
        """Run the stock AWS CLI and return what it prints."""
        argv = [sys.executable, "-m", "awscli", *self.endpoint, *arguments, "--output", "json"]
        done = subprocess.run(argv, env=self.cli_environment, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def until(self, condition: Callable[[], Any], what: str, within_s: float = 20) -> Any:
        return self.eventually(condition, within_s * self.patience, what)

    def make_template(self, name: str, instance_type: str = "t3.nano") -> str:
        data = {"ImageId": self.image, "InstanceType": instance_type, "SecurityGroupIds": [self.security_group]}
        made = self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def group(self) -> dict[str, Any]:
        (found,) = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])["AutoScalingGroups"]
        return dict(found)

    def members(self, lifecycle: str = "InService") -> set[str]:
        return {one["InstanceId"] for one in self.group()["Instances"] if one["LifecycleState"] == lifecycle}

    def activities(self, status: str = "") -> list[dict[str, Any]]:
        found = self.scaling.describe_scaling_activities(AutoScalingGroupName=self.name)["Activities"]
        return [one for one in found if status in ("", one["StatusCode"])]

    def want(self, desired: int) -> None:
        """Want so many instances, and wait until they and no others are in service."""
        self.scaling.set_desired_capacity(AutoScalingGroupName=self.name, DesiredCapacity=desired)
        self.until(lambda: self.settled(desired), f"{desired} in service")

    def settled(self, desired: int) -> bool:
        return len(self.members()) == desired == len(self.group()["Instances"])

    def refused(self, call: Callable[..., Any], **values: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as problem:
            call(**values)
        error = problem.value.response["Error"]
        return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def account(
    twin: RunningTwin, client: Callable[[str], Any], resources: dict[str, str], eventually: Any
) -> Iterator[Account]:
    def hosts() -> set[str]:
        return {host["name"] for host in twin.status()["hosts"]}

    before, keys = hosts(), twin.outputs["credentials"]["facilitator"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(Path.home()),
        "AWS_ACCESS_KEY_ID": keys["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
        "AWS_SESSION_TOKEN": keys["session_token"],
        "AWS_DEFAULT_REGION": twin.outputs["region"],
        "AWS_PAGER": "",
    }
    made = Account(
        client,
        eventually,
        subnets=resources["workstation_subnet_ids"].split(","),
        vpc=resources["vpc_id"],
        image=client("ec2").describe_images(Owners=["self"])["Images"][0]["ImageId"],
        security_group=resources["workstation_security_group_id"],
        cli_environment=environment,
        endpoint=["--endpoint-url", twin.outputs["endpoint_url"]],
    )
    made.template = made.make_template(made.name)
    made.scaling.create_auto_scaling_group(
        AutoScalingGroupName=made.name,
        LaunchTemplate={"LaunchTemplateId": made.template, "Version": "$Latest"},
        MinSize=0,
        MaxSize=3,
        DesiredCapacity=1,
        VPCZoneIdentifier=",".join(made.subnets),
        Tags=[{"Key": "purpose", "Value": "contract", "PropagateAtLaunch": True}],
    )
    yield made
    made.scaling.delete_auto_scaling_group(AutoScalingGroupName=made.name, ForceDelete=True)
    names = [made.name]
    made.until(
        lambda: not made.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=names)["AutoScalingGroups"],
        "the group is gone",
        60,
    )
    made.ec2.delete_launch_template(LaunchTemplateName=made.name)
    made.until(lambda: hosts() == before, "the hosts of the group are gone")


@pytest.fixture
def one(account: Account) -> str:
    """The group with one instance in service; returns its id."""
    account.want(1)
    return account.members().pop()


def source(page: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Name the page of AWS that documents what a test expects."""

    def named(test: Callable[..., None]) -> Callable[..., None]:
        test.__doc__ = f"{test.__doc__ or ''}\n\nSource: {page}"
        return test

    return named


# -- Auto Scaling


@source(AUTO_SCALING_API + "API_DescribeScalingActivities.html")
def test_a_launch_is_an_activity_that_says_why_and_ends_successfully(account: Account, one: str) -> None:
    launched = account.until(
        lambda: [each for each in account.activities("Successful") if one in each["Description"]], "the activity"
    )[0]
    assert launched["Description"] == f"Launching a new EC2 instance: {one}"
    assert (
        "an instance was started in response to a difference between desired and actual capacity" in launched["Cause"]
    )
    assert launched["Progress"] == 100
    assert launched["EndTime"] >= launched["StartTime"]


@source(AUTO_SCALING + "ec2-auto-scaling-tagging.html")
def test_an_instance_has_the_tags_that_are_propagated_and_its_group_s(account: Account, one: str) -> None:
    (instance,) = account.ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"]
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert tags["purpose"] == "contract"
    assert tags["aws:autoscaling:groupName"] == account.name


@source(AUTO_SCALING + "ec2-auto-scaling-health-checks.html")
def test_an_instance_that_was_terminated_is_replaced_but_not_within_the_call(account: Account, one: str) -> None:
    account.ec2.terminate_instances(InstanceIds=[one])
    assert one in {each["InstanceId"] for each in account.group()["Instances"]}
    account.until(lambda: account.settled(1) and one not in account.members(), "a replacement")
    causes = {one in each["Description"]: each["Cause"] for each in account.activities()[:2]}
    assert causes[True].endswith("in response to an EC2 health check indicating it has been terminated or stopped.")
    assert causes[False].endswith(
        "an instance was launched in response to an unhealthy instance needing to be replaced."
    )


@source(AUTO_SCALING + "replace-unhealthy-instance.html")
def test_an_instance_that_a_custom_health_check_calls_unhealthy_is_replaced(account: Account, one: str) -> None:
    account.cli("autoscaling", "set-instance-health", "--instance-id", one, "--health-status", "Unhealthy")
    account.until(lambda: account.settled(1) and one not in account.members(), "a replacement")
    told = account.cli("autoscaling", "describe-scaling-activities", "--auto-scaling-group-name", account.name)
    (ended,) = [
        each for each in told["Activities"] if each["Description"].endswith(one) and "Terminat" in each["Description"]
    ]
    assert ended["Cause"].endswith("an instance was taken out of service in response to a user health-check.")


@source(AUTO_SCALING + "understand-how-suspending-processes-affects-other-processes.html")
def test_with_replacement_suspended_an_unhealthy_instance_stays_until_it_is_resumed(account: Account, one: str) -> None:
    account.cli(
        "autoscaling", "suspend-processes", "--auto-scaling-group-name", account.name,
        "--scaling-processes", "ReplaceUnhealthy",
    )  # fmt: skip
    account.ec2.stop_instances(InstanceIds=[one])
    account.until(lambda: account.group()["Instances"][0]["HealthStatus"] == "Unhealthy", "it is called unhealthy")
    assert [each["InstanceId"] for each in account.group()["Instances"]] == [one]
    account.scaling.resume_processes(AutoScalingGroupName=account.name, ScalingProcesses=["ReplaceUnhealthy"])
    account.until(lambda: account.settled(1) and one not in account.members(), "a replacement")
    assert account.group()["SuspendedProcesses"] == []


@source(AUTO_SCALING + "understand-how-suspending-processes-affects-other-processes.html")
def test_with_launches_suspended_nothing_is_launched_until_they_are_resumed(account: Account, one: str) -> None:
    account.scaling.suspend_processes(AutoScalingGroupName=account.name, ScalingProcesses=["Launch"])
    account.scaling.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=False)
    account.until(lambda: not account.group()["Instances"], "nothing left")
    assert account.group()["DesiredCapacity"] == 1
    account.scaling.resume_processes(AutoScalingGroupName=account.name)
    account.until(lambda: account.settled(1), "one in service again")


@source(AUTO_SCALING + "detach-attach-instances.html")
def test_a_detached_instance_runs_on_and_may_be_attached_again(account: Account, one: str) -> None:
    group = {"AutoScalingGroupName": account.name, "InstanceIds": [one]}
    told = account.scaling.detach_instances(**group, ShouldDecrementDesiredCapacity=True)["Activities"][0]
    assert told["Description"] == f"Detaching EC2 instance: {one}"
    account.until(lambda: not account.group()["Instances"], "detached")
    (instance,) = account.ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"]
    assert instance["State"]["Name"] == "running"
    account.scaling.attach_instances(**group)
    account.until(lambda: account.members() == {one}, "attached")
    assert account.group()["DesiredCapacity"] == 1


@source(AUTO_SCALING + "auto-scaling-benefits.html#AutoScalingBehavior.Rebalancing")
def test_instances_are_spread_over_the_zones(account: Account, one: str) -> None:
    assert one
    account.want(2)
    assert len({each["AvailabilityZone"] for each in account.group()["Instances"]}) == 2


@source(AUTO_SCALING_API + "API_SetDesiredCapacity.html")
def test_a_desired_capacity_above_the_maximum_is_refused(account: Account) -> None:
    code, message = account.refused(
        account.scaling.set_desired_capacity, AutoScalingGroupName=account.name, DesiredCapacity=9
    )
    assert code == "ValidationError"
    assert "is above max value 3 for the AutoScalingGroup" in message


@source(AUTO_SCALING_API + "API_CreateAutoScalingGroup.html")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"MinSize": 2, "MaxSize": 1}, "must be greater than or equal to min bound"),
        (
            {"LaunchTemplate": {"LaunchTemplateId": "lt-00000000000000000"}},
            "You must use a valid fully-formed launch template",
        ),
    ],
)
def test_a_group_that_cannot_be_is_refused(account: Account, wrong: dict[str, Any], said: str) -> None:
    values = {
        "AutoScalingGroupName": f"{account.name}-wrong",
        "LaunchTemplate": {"LaunchTemplateId": account.template},
        "MinSize": 0,
        "MaxSize": 1,
        "VPCZoneIdentifier": account.subnets[0],
        **wrong,
    }
    code, message = account.refused(account.scaling.create_auto_scaling_group, **values)
    assert code == "ValidationError"
    assert said in message


@source(AUTO_SCALING + "ts-as-instancelaunchfailure.html")
def test_a_group_whose_launch_template_is_gone_says_so_in_its_activities(account: Account, one: str) -> None:
    assert one
    account.ec2.delete_launch_template(LaunchTemplateId=account.template)
    account.scaling.set_desired_capacity(AutoScalingGroupName=account.name, DesiredCapacity=2)
    failed = account.until(lambda: account.activities("Failed"), "a failed launch")[0]
    assert failed["StatusMessage"].endswith("Launching EC2 instance failed.")
    assert account.template in failed["StatusMessage"]
    account.template = account.make_template(account.name)
    account.scaling.update_auto_scaling_group(
        AutoScalingGroupName=account.name, LaunchTemplate={"LaunchTemplateName": account.name}
    )
    account.until(lambda: account.settled(2), "a launch from the other template")


# -- Elastic Load Balancing


@pytest.fixture
def targets(account: Account) -> Iterator[str]:
    """A target group of the default settings, but quick to check."""
    made = account.elb.create_target_group(
        Name=account.name, Protocol="HTTP", Port=80, VpcId=account.vpc, TargetType="instance",
        HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
    )["TargetGroups"][0]  # fmt: skip
    yield str(made["TargetGroupArn"])
    account.elb.delete_target_group(TargetGroupArn=made["TargetGroupArn"])


@source(BALANCING + "target-group-health-checks.html")
def test_a_target_group_has_the_documented_defaults(account: Account, targets: str) -> None:
    (told,) = account.cli("elbv2", "describe-target-groups", "--target-group-arns", targets)["TargetGroups"]
    assert (told["HealthyThresholdCount"], told["UnhealthyThresholdCount"]) == (5, 2)
    assert (told["HealthCheckPath"], told["HealthCheckPort"], told["Matcher"]) == (
        "/",
        "traffic-port",
        {"HttpCode": "200"},
    )


@source(BALANCING_API + "API_TargetHealth.html")
def test_a_target_of_a_group_that_no_load_balancer_uses_is_unused(account: Account, one: str, targets: str) -> None:
    account.elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": one}])

    def health() -> dict[str, str]:
        (told,) = account.elb.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"]
        return dict(told["TargetHealth"])

    account.until(lambda: health()["State"] == "unused", "unused")
    assert health()["Reason"] == "Target.NotInUse"
    account.elb.deregister_targets(TargetGroupArn=targets, Targets=[{"Id": one}])


@source(BALANCING_API + "API_ModifyTargetGroup.html")
def test_a_changed_health_check_is_told_and_a_timeout_beyond_the_interval_refused(
    account: Account, targets: str
) -> None:
    account.cli("elbv2", "modify-target-group", "--target-group-arn", targets, "--unhealthy-threshold-count", "10")
    (told,) = account.elb.describe_target_groups(TargetGroupArns=[targets])["TargetGroups"]
    assert told["UnhealthyThresholdCount"] == 10
    code, _ = account.refused(account.elb.modify_target_group, TargetGroupArn=targets, HealthCheckTimeoutSeconds=60)
    assert code == "ValidationError"


@source(BALANCING_API + "API_RegisterTargets.html")
def test_an_instance_that_does_not_exist_cannot_be_registered(account: Account, targets: str) -> None:
    code, _ = account.refused(
        account.elb.register_targets, TargetGroupArn=targets, Targets=[{"Id": "i-00000000000000000"}]
    )
    assert code == "InvalidTarget"


@source(BALANCING_API + "API_CreateRule.html")
def test_two_rules_cannot_have_one_priority(account: Account, resources: dict[str, str]) -> None:
    listeners = account.elb.describe_listeners(LoadBalancerArn=resources["internal_load_balancer_arn"])
    config = {"StatusCode": "404", "ContentType": "text/plain"}
    rule = {
        "ListenerArn": listeners["Listeners"][0]["ListenerArn"],
        "Priority": 4711,
        "Conditions": [{"Field": "path-pattern", "Values": ["/contract"]}],
        "Actions": [{"Type": "fixed-response", "FixedResponseConfig": config}],
    }
    made = account.elb.create_rule(**rule)["Rules"][0]["RuleArn"]
    assert account.refused(account.elb.create_rule, **rule)[0] == "PriorityInUse"
    account.elb.delete_rule(RuleArn=made)
    assert account.refused(account.elb.delete_rule, RuleArn=made)[0] == "RuleNotFound"


# -- CloudWatch


def last_minutes(minutes: float = 30) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"StartTime": now - timedelta(minutes=minutes), "EndTime": now + timedelta(minutes=1)}


@source(CLOUDWATCH_API + "API_GetMetricStatistics.html")
def test_a_metric_of_one_s_own_has_the_statistics_of_its_samples(account: Account) -> None:
    metric = {"MetricName": "Orders", "Dimensions": [{"Name": "Shop", "Value": account.name}]}
    at = datetime.now(UTC) - timedelta(minutes=2)
    account.cloudwatch.put_metric_data(
        Namespace="Contract", MetricData=[{**metric, "Timestamp": at, "Values": [1.0, 4.0], "Counts": [3, 1]}]
    )
    every = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]

    def points() -> list[dict[str, Any]]:
        return list(
            account.cloudwatch.get_metric_statistics(
                Namespace="Contract", **metric, Period=60, Statistics=every, **last_minutes()
            )["Datapoints"]
        )

    (point,) = account.until(points, "the data point")
    assert {name: point[name] for name in every} == {
        "SampleCount": 4, "Average": 1.75, "Sum": 7, "Minimum": 1, "Maximum": 4,
    }  # fmt: skip
    assert point["Timestamp"].second == 0


@source(BALANCING + "load-balancer-cloudwatch-metrics.html")
def test_a_load_balancer_counts_requests_and_healthy_hosts(account: Account, resources: dict[str, str]) -> None:
    balancer = resources["edge_load_balancer_arn"].partition("loadbalancer/")[2]
    group = resources["web_target_group_arn"].rpartition(":")[2]
    dimensions = [{"Name": "LoadBalancer", "Value": balancer}, {"Name": "TargetGroup", "Value": group}]

    def query(name: str, statistic: str) -> dict[str, Any]:
        metric = {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions}
        return {"Id": name.lower(), "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}

    def found() -> dict[str, float]:
        queries = [
            query("RequestCount", "Sum"),
            query("HealthyHostCount", "Maximum"),
            query("TargetResponseTime", "p99"),
        ]
        told = account.cloudwatch.get_metric_data(MetricDataQueries=queries, **last_minutes())["MetricDataResults"]
        return {one["Id"]: one["Values"][0] for one in told if one["Values"]}

    values = account.until(lambda: found() if len(found()) == 3 else None, "three metrics", 30)
    assert values["requestcount"] > 0
    assert values["healthyhostcount"] == 2
    assert 0 < values["targetresponsetime"] < 10


@source("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html")
def test_an_instance_has_cpu_utilization_and_status_checks(account: Account, resources: dict[str, str]) -> None:
    name = resources["workstation_instance_id"]

    def metrics() -> set[str]:
        told = account.cli(
            "cloudwatch", "list-metrics", "--namespace", "AWS/EC2", "--dimensions", f"Name=InstanceId,Value={name}"
        )
        return {one["MetricName"] for one in told["Metrics"]}

    wanted = {"CPUUtilization", "StatusCheckFailed", "StatusCheckFailed_Instance", "StatusCheckFailed_System"}
    account.until(lambda: wanted <= metrics(), "its metrics", 30)


@source(AUTO_SCALING + "ec2-auto-scaling-metrics.html")
def test_a_group_has_metrics_once_they_are_enabled(account: Account, one: str) -> None:
    assert one
    account.scaling.enable_metrics_collection(AutoScalingGroupName=account.name, Granularity="1Minute")
    assert {"Metric": "GroupDesiredCapacity", "Granularity": "1Minute"} in account.group()["EnabledMetrics"]
    dimensions = [{"Name": "AutoScalingGroupName", "Value": account.name}]

    def points() -> list[dict[str, Any]]:
        return list(
            account.cloudwatch.get_metric_statistics(
                Namespace="AWS/AutoScaling", MetricName="GroupInServiceInstances", Dimensions=dimensions, Period=60,
                Statistics=["Maximum"], **last_minutes(),
            )["Datapoints"]
        )  # fmt: skip

    assert account.until(points, "a data point", 30)[-1]["Maximum"] >= 1


@pytest.fixture
def alarm(account: Account) -> Iterator[dict[str, Any]]:
    """An alarm on a metric of its own, which has no data yet."""
    values = {
        "AlarmName": f"{account.name}-{uuid.uuid4().hex[:8]}",
        "Namespace": "Contract",
        "MetricName": f"Errors-{uuid.uuid4().hex[:8]}",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    account.cloudwatch.put_metric_alarm(**values)
    yield values
    account.cloudwatch.delete_alarms(AlarmNames=[values["AlarmName"]])


def alarm_state(account: Account, alarm: dict[str, Any]) -> str:
    (told,) = account.cloudwatch.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
    return str(told["StateValue"])


@source(CLOUDWATCH + "AlarmThatSendsEmail.html")
def test_an_alarm_follows_its_metric_and_its_history_tells_how(account: Account, alarm: dict[str, Any]) -> None:
    assert alarm_state(account, alarm) == "INSUFFICIENT_DATA"

    def put(value: float) -> bool:
        data = [{"MetricName": alarm["MetricName"], "Value": value}]
        account.cloudwatch.put_metric_data(Namespace="Contract", MetricData=data)
        return True

    account.until(lambda: put(50.0) and alarm_state(account, alarm) == "ALARM", "ALARM", 30)
    account.until(lambda: put(0.0) and alarm_state(account, alarm) == "OK", "OK", 30)
    told = account.cli("cloudwatch", "describe-alarm-history", "--alarm-name", alarm["AlarmName"])
    items = list(reversed(told["AlarmHistoryItems"]))
    assert [item["HistorySummary"] for item in items[:3]] == [
        f'Alarm "{alarm["AlarmName"]}" created',
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        "Alarm updated from ALARM to OK",
    ]
    reason = json.loads(items[1]["HistoryData"])["newState"]["stateReason"]
    assert reason.startswith("Threshold Crossed: 1 out of the last 1 datapoints [")


@source(CLOUDWATCH + "alarms-and-missing-data.html")
def test_missing_data_is_breaching_where_the_alarm_says_so(account: Account, alarm: dict[str, Any]) -> None:
    account.cloudwatch.put_metric_alarm(**alarm, TreatMissingData="breaching")
    account.until(lambda: alarm_state(account, alarm) == "ALARM", "ALARM", 30)


@source(CLOUDWATCH_API + "API_SetAlarmState.html")
def test_setting_the_state_of_an_alarm_that_does_not_exist_is_refused(account: Account) -> None:
    values = {"AlarmName": "nobody", "StateValue": "OK", "StateReason": "because"}
    assert account.refused(account.cloudwatch.set_alarm_state, **values)[0] in (
        "ResourceNotFound",
        "ResourceNotFoundException",
    )


def test_what_the_twin_does_not_act_upon_is_refused_by_name(account: Account) -> None:
    refused = account.refused(
        account.scaling.put_lifecycle_hook, AutoScalingGroupName=account.name, LifecycleHookName="wait",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
    )  # fmt: skip
    assert refused == ("NotImplemented", "The twin does not implement autoscaling:PutLifecycleHook.")
    rule = {"AlarmName": "both", "AlarmRule": "ALARM(a)"}
    message = account.refused(account.cloudwatch.put_composite_alarm, **rule)[1]
    assert message == "The twin does not implement monitoring:PutCompositeAlarm."
