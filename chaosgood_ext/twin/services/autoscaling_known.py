"""The Auto Scaling calls that something follows from here, and their parameters; all others are refused."""

from __future__ import annotations

_GROUP = ("AutoScalingGroupName",)
_INSTANCES = (*_GROUP, "InstanceIds")
_SETTINGS = (
    *_GROUP, "LaunchTemplate", "MinSize", "MaxSize", "DesiredCapacity", "DefaultCooldown", "AvailabilityZones",
    "HealthCheckType", "HealthCheckGracePeriod", "VPCZoneIdentifier", "TerminationPolicies",
    "NewInstancesProtectedFromScaleIn", "ServiceLinkedRoleARN",
)  # fmt: skip

KNOWN: dict[str, frozenset[str]] = {
    action: frozenset(parameters)
    for action, parameters in {
        "AttachInstances": _INSTANCES,
        "AttachLoadBalancerTargetGroups": (*_GROUP, "TargetGroupARNs"),
        "CreateAutoScalingGroup": (*_SETTINGS, "TargetGroupARNs", "Tags"),
        "CreateLaunchConfiguration": (
            "LaunchConfigurationName", "ImageId", "KeyName", "SecurityGroups", "UserData", "InstanceId",
            "InstanceType", "IamInstanceProfile", "InstanceMonitoring",
        ),
        "CreateOrUpdateTags": ("Tags",),
        "DeleteAutoScalingGroup": (*_GROUP, "ForceDelete"),
        "DeleteTags": ("Tags",),
        "DetachInstances": (*_INSTANCES, "ShouldDecrementDesiredCapacity"),
        "DetachLoadBalancerTargetGroups": (*_GROUP, "TargetGroupARNs"),
        "DisableMetricsCollection": (*_GROUP, "Metrics"),
        "EnableMetricsCollection": (*_GROUP, "Metrics", "Granularity"),
        "EnterStandby": (*_INSTANCES, "ShouldDecrementDesiredCapacity"),
        "ExitStandby": _INSTANCES,
        "ResumeProcesses": (*_GROUP, "ScalingProcesses"),
        "SetDesiredCapacity": (*_GROUP, "DesiredCapacity"),
        "SetInstanceHealth": ("InstanceId", "HealthStatus", "ShouldRespectGracePeriod"),
        "SetInstanceProtection": (*_INSTANCES, "ProtectedFromScaleIn"),
        "SuspendProcesses": (*_GROUP, "ScalingProcesses"),
        "TerminateInstanceInAutoScalingGroup": ("InstanceId", "ShouldDecrementDesiredCapacity"),
        "UpdateAutoScalingGroup": _SETTINGS,
    }.items()
}  # fmt: skip
