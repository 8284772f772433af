"""Whether the responder did something on the monitoring host, or to it: then its silence is no accident."""

from __future__ import annotations

import json
from dataclasses import dataclass

from chaosgood_ext.game.aws import answering
from chaosgood_ext.game.guards.guard import Scene
from chaosgood_ext.record.event import Event, Kind


@dataclass
class Meddling:
    """Hears the record; `seen` once there was a command on the host, or a call that changes it."""

    instance: str = ""
    host: str = ""
    seen: bool = False

    def watch(self, scene: Scene) -> None:
        """Learn which host it is, and forget what was before."""
        self.instance = scene.outputs.resources.get("monitoring_instance_id", "")
        with answering("Looking up the monitoring host"):
            own = [{"Name": "instance-id", "Values": [self.instance]}]
            reservations = scene.aws.client("ec2").describe_instances(Filters=own)["Reservations"]
        addresses = [one["PrivateIpAddress"] for reservation in reservations for one in reservation["Instances"]]
        self.host = f"ip-{addresses[0].replace('.', '-')}" if addresses else ""
        self.seen = False

    def hear(self, event: Event) -> None:
        """Take notice of one event of the record."""
        data = event.data
        if event.type == Kind.COMMAND:
            self.seen = self.seen or str(data["host"]).partition(".")[0] == self.host
        elif event.type == Kind.AWS_CALL and data["who"] == "player" and not (data["read_only"] or data["error"]):
            self.seen = self.seen or (bool(self.instance) and self.instance in json.dumps(data["parameters"]))
