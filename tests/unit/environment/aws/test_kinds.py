"""What the twin has no protection for is unprotected on AWS before it is deleted; checked against AWS's own models."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from chaosgood_ext.environment.aws.asking import Aws
from chaosgood_ext.environment.aws.sweep.kinds import KINDS

GROUP = {
    "AutoScalingGroupName": "chaosgood-web", "MinSize": 2, "MaxSize": 4, "DesiredCapacity": 2, "DefaultCooldown": 300,
    "AvailabilityZones": [], "HealthCheckType": "ELB", "CreatedTime": 0,
}  # fmt: skip


class Scaling:
    """A session whose only client answers what is expected, in that order."""

    def __init__(self) -> None:
        self._client = botocore.session.get_session().create_client(
            "autoscaling", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
        )
        self.stub = Stubber(self._client)

    def client(self, service_name: str, *, region_name: str) -> Any:
        assert (service_name, region_name) == ("autoscaling", "us-east-1")
        return self._client


@pytest.mark.parametrize(
    ("protection", "switched_off"),
    [("prevent-all-deletion", True), ("prevent-force-deletion", True), ("none", False), (None, False)],
)
def test_a_group_loses_its_protection_before_it_is_deleted_with_its_hosts(
    protection: str | None, switched_off: bool
) -> None:
    scaling = Scaling()
    known = GROUP if protection is None else {**GROUP, "DeletionProtection": protection}
    name = {"AutoScalingGroupName": "chaosgood-web"}
    scaling.stub.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [known]})
    if switched_off:
        scaling.stub.add_response("update_auto_scaling_group", {}, {**name, "DeletionProtection": "none"})
    scaling.stub.add_response("delete_auto_scaling_group", {}, {**name, "ForceDelete": True})
    (kind,) = (one for one in KINDS if one.name == "auto scaling group")
    with scaling.stub:
        kind.delete(Aws(scaling, "us-east-1", "chaosgood"), "chaosgood-web")
    scaling.stub.assert_no_pending_responses()
