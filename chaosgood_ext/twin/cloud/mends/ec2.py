"""EC2: instances pass through the states that AWS shows, and their groups are those of their interface."""

from __future__ import annotations

import base64
import copy
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance, InstanceState, StateReason
from moto.ec2.responses.instances import InstanceResponse

from chaosgood_ext.twin.cloud.mends.patching import derive, replace
from chaosgood_ext.twin.cloud.wire import AwsError

if TYPE_CHECKING:
    from moto.core.responses import ActionResult

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
_CHECKS_UNTIL_OK = 2


@dataclass
class Life:
    """What moto does not keep of an instance. Times are of the monotonic clock.

    `entered` is when it entered its state, `reboot_asked` when the reboot was asked for that has not begun to boot.
    `crashed` says what it died of while it was to run: "panic" (its kernel) or "hardware", else "". `forced` is whether
    it is to stop without being asked.
    `checks` counts the status checks since it booted; the others hold since when one has been failing.
    """

    entered: float = field(default_factory=time.monotonic)
    reboot_asked: float | None = None
    crashed: str = ""
    forced: bool = False
    checks: int = 0
    instance_impaired: datetime | None = None
    system_impaired: datetime | None = None

    def check(self, *, instance: bool, system: bool) -> None:
        """Take in one more status check: which of the two passed."""
        now = datetime.now(UTC)
        self.checks += 1
        self.instance_impaired = None if instance else self.instance_impaired or now
        self.system_impaired = None if system else self.system_impaired or now

    def boot(self) -> None:
        """Begin anew: the instance boots now, whatever was before."""
        self.reboot_asked, self.crashed, self.forced = None, "", False
        self.checks, self.instance_impaired, self.system_impaired = 0, None, None


def life_of(instance: Instance) -> Life:
    """The instance's `Life`, made where missing. Hold the tap's lock."""
    life: Life = instance.__dict__.setdefault("life", Life())
    return life


def set_state(instance: Instance, name: str) -> None:
    """Set an instance's state, name and code."""
    instance._state = InstanceState(name, CODES[name])
    life_of(instance).entered = time.monotonic()
    if name == "pending":
        instance.state_reason = StateReason("pending", "pending")
    elif name == "running":
        instance.state_reason = StateReason()


def user_data_of(instance: Instance) -> bytes:
    """The user data that an instance was launched with, decoded; empty where there are none."""
    return base64.b64decode(str(instance.user_data)) if instance.user_data else b""


def shut_down_by_itself(instance: Instance) -> None:
    """Stop or terminate an instance that shut itself down, as its `InstanceInitiatedShutdownBehavior` says."""
    if instance.instance_initiated_shutdown_behavior == "terminate":
        instance.terminate()
    else:
        instance.stop()
    instance._reason = ""
    code = "Client.InstanceInitiatedShutdown"
    instance.state_reason = StateReason(f"{code}: Instance initiated shutdown", code)


def install() -> None:
    """Patch moto."""
    _pass_through_states()
    _tell_status()
    _hide_what_is_terminated()
    _set_groups_on_interfaces()
    _run_as_asked()
    _take_volumes_from_templates()


def _pass_through_states() -> None:
    """moto's instances are running, stopped or terminated at once; the ec2 controller moves them on instead."""
    init: Any = None

    def begin(self: Instance, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        set_state(self, "pending")

    init = replace(Instance, "__init__", begin)
    for name, first, there in (
        ("start", "pending", ("pending", "running")),
        ("stop", "stopping", ("stopping", "stopped")),
        ("terminate", "shutting-down", ("shutting-down", "terminated")),
    ):
        replace(Instance, name, _into(getattr(Instance, name), first, there))
        replace(InstanceResponse, f"{name}_instances", _telling_current(getattr(InstanceResponse, f"{name}_instances")))

    def reboot(self: Instance) -> None:
        if self.state == "running":  # "Requests to reboot terminated instances are ignored." (RebootInstances)
            life_of(self).reboot_asked = life_of(self).reboot_asked or time.monotonic()

    replace(Instance, "reboot", reboot)


def _into(original: Any, first: str, there: tuple[str, ...]) -> Any:
    """Enter the state `first`; an instance that is in one of the states `there` stays in it."""

    def move(self: Instance) -> InstanceState:
        was = copy.copy(self._state)
        if was.name in there:
            return was
        original(self)
        set_state(self, first)
        if first == "pending":
            self.launch_time = utcnow()
        else:
            self._reason = f"User initiated ({utcnow():%Y-%m-%d %H:%M:%S} GMT)"
        return was

    return move


def _telling_current(original: Any) -> Any:
    """moto's answer tells the state in which a call usually ends, also where it changed nothing."""

    def answer(self: InstanceResponse) -> ActionResult:
        told: ActionResult = original(self)
        for changes in told.result.values():  # type: ignore[attr-defined]
            for change in changes:
                state = self.ec2_backend.get_instance(change["InstanceId"])._state
                change["CurrentState"] = {"Code": state.code, "Name": state.name}
        return told

    return answer


def _tell_status() -> None:
    """moto's status checks always pass, and are done as soon as an instance runs."""

    def instance_status(self: Instance) -> dict[str, Any]:
        return _status(self, life_of(self).instance_impaired)

    def system_status(self: Instance) -> dict[str, Any]:
        return _status(self, life_of(self).system_impaired)

    replace(Instance, "instance_status", property(instance_status))
    replace(Instance, "system_status", property(system_status))

    def applies(self: Instance, filters: list[dict[str, Any]] | None) -> bool:
        return all(_told(self, one["name"]) in one["values"] for one in filters or [])

    replace(Instance, "applies", applies)


def _status(instance: Instance, impaired_since: datetime | None) -> dict[str, Any]:
    if instance.state != "running":
        return {"Status": "not-applicable"}
    if impaired_since is not None:
        details = {"Name": "reachability", "Status": "failed", "ImpairedSince": impaired_since}
        return {"Details": [details], "Status": "impaired"}
    if life_of(instance).checks < _CHECKS_UNTIL_OK:
        return {"Details": [{"Name": "reachability", "Status": "initializing"}], "Status": "initializing"}
    return {"Details": [{"Name": "reachability", "Status": "passed"}], "Status": "ok"}


def _told(instance: Instance, name: str) -> str:
    """What an instance says to a filter of DescribeInstanceStatus."""
    statuses = {"instance-status": instance.instance_status, "system-status": instance.system_status}
    kind, _, part = name.partition(".")
    if kind in statuses and part == "status":
        return str(statuses[kind]["Status"])
    if kind in statuses and part == "reachability":
        return str(statuses[kind].get("Details", [{}])[0].get("Status", ""))
    known = {
        "instance-state-name": instance.state,
        "instance-state-code": str(instance.state_code),
        "availability-zone": str(instance.availability_zone),
    }
    if name not in known:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return known[name]


def _hide_what_is_terminated() -> None:
    """A terminated instance has no interface and no address any more; moto's keeps both."""

    def unless_terminated(name: str, instead: Any) -> None:
        original: property = getattr(Instance, name)

        def read(self: Instance) -> Any:
            told = getattr(self, "_state", None)
            return instead if told and told.name == "terminated" else original.fget(self)  # type: ignore[misc]

        replace(Instance, name, property(read))

    unless_terminated("network_interfaces", [])
    for name in ("private_ip_address", "public_ip_address"):
        unless_terminated(name, None)
    for name in ("private_dns_name", "public_dns_name"):
        unless_terminated(name, "")


def _set_groups_on_interfaces() -> None:
    """moto adds the groups of an instance to those of its interface, so that a group, once in, never leaves.

    On AWS they are the same thing, the groups of the primary interface, whichever of both calls changed them.
    """

    def groups_of_interface(self: NetworkInterface) -> list[Any]:
        return list(dict.fromkeys(self._group_set))

    def read(self: Instance) -> list[Any]:
        nics = self.__dict__.get("nics")
        return groups_of_interface(nics[0]) if nics else list(self.__dict__["groups_at_launch"])

    def write(self: Instance, groups: list[Any]) -> None:
        self.__dict__["groups_at_launch"] = groups
        if self.__dict__.get("nics"):
            self.nics[0]._group_set = list(groups)

    replace(NetworkInterface, "group_set", property(groups_of_interface))
    derive(Instance, "security_groups", read, write)


def _run_as_asked() -> None:
    """moto runs `MinCount` instances, AWS as many as it can up to `MaxCount`, which is always all of them here; and it
    gives the instance profile to the first of them only, the launch template's to none.
    """

    def run(self: InstanceResponse) -> ActionResult:
        get = self._get_param

        def as_many(name: str, *args: Any, **kwargs: Any) -> Any:
            return get("MaxCount" if name == "MinCount" else name, *args, **kwargs)

        self._get_param = as_many  # type: ignore[assignment, method-assign]
        told: ActionResult = original(self)
        backend, template = self.ec2_backend, get("LaunchTemplate")
        profile = get("IamInstanceProfile") or {}
        if template and not profile:
            profile = backend._get_template_from_args(template).data.get("IamInstanceProfile", {})
        for instance in told.result.instances if profile else []:  # type: ignore[attr-defined]
            if instance.id not in backend.iam_instance_profile_associations:
                backend.associate_iam_instance_profile(
                    instance.id,
                    iam_instance_profile_name=profile.get("Name"),
                    iam_instance_profile_arn=profile.get("Arn"),
                )
        return told

    original = replace(InstanceResponse, "run_instances", run)


def _take_volumes_from_templates() -> None:
    """moto gives an instance the volumes of its launch template beside one that nobody asked for, and no tags."""

    def run(self: EC2Backend, image_id: str, count: int, user_data: Any, groups: list[str], **asked: Any) -> Any:
        if asked.get("launch_template"):
            data = self._get_template_from_args(asked["launch_template"]).data
            if data.get("BlockDeviceMappings"):
                asked.setdefault("block_device_mappings", data["BlockDeviceMappings"])
            for one in data.get("TagSpecifications", ()):
                if one["ResourceType"] == "volume":
                    wanted = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
                    tags = asked.get("tags") or {}
                    asked["tags"] = {**tags, "volume": {**wanted, **tags.get("volume", {})}}
        return original(self, image_id, count, user_data, groups, **asked)

    original = replace(EC2Backend, "run_instances", run)
