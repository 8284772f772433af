"""The sweep: what terraform did not make and a destroy would trip over, and all that is left after one.

Everything is found by the tag `game` or by being in the environment's VPC, so that neither terraform's state nor the
outputs are needed; see :mod:`chaosgood_ext.environment.aws.sweep.kinds`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from chaosgood_ext.environment.aws.asking import Aws
from chaosgood_ext.environment.aws.sweep.kinds import KINDS, LAST, PLAYERS, THINGS, Kind
from chaosgood_ext.errors import EnvironmentUnavailable

Progress = Callable[[str], None]
_PERIOD_S = 5.0
_TELL_EVERY_S = 30.0


class Sweeper:
    """Sweeps one environment.

    Every method raises :class:`EnvironmentUnavailable` when the credentials expire meanwhile or AWS is not reached.
    """

    def __init__(self, aws: Aws, on_progress: Progress = lambda _: None) -> None:
        self._aws = aws
        self._tell = on_progress
        # Why the last deletion of a thing was refused: what people call it, and AWS's code.
        self._refused: dict[str, str] = {}

    def clear(self, deadline_s: float = 900) -> list[str]:
        """Delete everything of the environment; return what is left of it when AWS refuses until the deadline.

        What AWS refuses for now (a group whose network interfaces are not gone yet) is asked for again, round after
        round.
        """
        deleted: set[str] = set()
        end = time.monotonic() + deadline_s
        told = time.monotonic()
        while True:
            for kind in THINGS:
                self._delete_all(kind, deleted)
            if not any(map(self._find, THINGS)):
                for kind in LAST:
                    self._delete_all(kind, deleted)
            left = self.left()
            if not left or time.monotonic() >= end:
                return left
            if time.monotonic() - told >= _TELL_EVERY_S:
                told = time.monotonic()
                self._tell(f"waiting for {len(left)} things, such as {left[0]}")
            time.sleep(max(0.0, min(_PERIOD_S, end - time.monotonic())))

    def clear_foreign(self, built: set[str], deadline_s: float = 180) -> None:
        """Delete hosts and security groups whose ids are not among those that were `built`, if any was.

        Hosts of auto scaling groups are nobody's: they go with their group. What is still in use at the deadline stays.
        """
        deleted: set[str] = set()
        end = time.monotonic() + deadline_s
        while built:
            for kind in PLAYERS:
                self._delete_all(kind, deleted, self._foreign(kind, built))
            if time.monotonic() >= end or not any(self._foreign(kind, built) for kind in PLAYERS):
                return
            time.sleep(max(0.0, min(_PERIOD_S, end - time.monotonic())))

    def _foreign(self, kind: Kind, built: set[str]) -> list[str]:
        with _reaching():
            groups = self._aws.every(
                "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", Filters=self._aws.tag
            )
            grouped = {one["InstanceId"] for group in groups for one in group["Instances"]}
        return [one for one in self._find(kind) if one not in built | grouped]

    def _delete_all(self, kind: Kind, deleted: set[str], found: Iterable[str] | None = None) -> None:
        from botocore.exceptions import ClientError

        for one in self._find(kind) if found is None else found:
            name = f"{kind.name} {one}"
            try:
                with _reaching():
                    kind.delete(self._aws, one)
            except ClientError as refusal:
                self._refused[name] = refusal.response["Error"]["Code"]
                continue
            self._refused.pop(name, None)
            if name not in deleted:
                deleted.add(name)
                self._tell(f"deleted {name}")

    def _find(self, kind: Kind) -> list[str]:
        from botocore.exceptions import ClientError

        name = f"{kind.name}s, which cannot be listed"
        try:
            with _reaching():
                found = list(kind.find(self._aws))
        except ClientError as refusal:
            self._refused[name] = refusal.response["Error"]["Code"]
            return []
        self._refused.pop(name, None)
        return found

    def left(self) -> list[str]:
        """What is left, as people call it, with AWS's reason where it would not delete it.

        What carries the tag and is of no kind that the sweep knows is left as well, by its ARN: nobody here knows how
        to delete it.
        """
        found = [f"{kind.name} {one}" for kind in KINDS for one in self._find(kind)]
        unlisted = [name for name in self._refused if name.endswith("cannot be listed")]
        known = tuple(part for kind in KINDS for part in kind.arns)
        with _reaching():
            others = sorted(arn for arn in self._tagged() if not _kind_of(arn).startswith(known))
        why = {name: f"{name} ({code})" for name, code in self._refused.items()}
        return [*(why.get(name, name) for name in (*found, *unlisted)), *others]

    def _tagged(self) -> Iterator[str]:
        wanted = [{"Key": "game", "Values": [self._aws.game]}]
        for each in self._aws.every(
            "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=wanted
        ):
            yield each["ResourceARN"]


def _kind_of(arn: str) -> str:
    """Service and resource of an ARN: `ec2:instance/i-1`."""
    _, _, service, _, _, resource = arn.split(":", 5)
    return f"{service}:{resource}"


@contextmanager
def _reaching() -> Iterator[None]:
    """Say plainly what ends a sweep."""
    from botocore.exceptions import BotoCoreError, ClientError

    again = "Repeat the command; it goes on where it stopped."
    try:
        yield
    except BotoCoreError as cause:
        raise EnvironmentUnavailable(f"AWS cannot be reached: {cause}.", again) from cause
    except ClientError as cause:
        if "Expired" in cause.response["Error"]["Code"]:
            raise EnvironmentUnavailable("The AWS credentials expired.", f"Log in again. {again}") from cause
        raise
