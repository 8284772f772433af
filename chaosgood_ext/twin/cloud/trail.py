"""CloudTrail's event history: every management call, newest first, found with `cloudtrail lookup-events`.

Source: "CloudTrail record contents" and "LookupEvents" in AWS's documentation. On AWS an event takes minutes
to appear; here it is there at once.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import botocore.parsers
from moto.core.request import determine_request_protocol

from chaosgood_ext.twin.cloud import ACCOUNT_ID
from chaosgood_ext.twin.cloud.identities import Identity
from chaosgood_ext.twin.cloud.trail_names import elements, resources
from chaosgood_ext.twin.cloud.wire import Answer, AwsError, Call, Request, operation_model

if TYPE_CHECKING:
    from moto.core.model import OperationModel

log = logging.getLogger(__name__)

_KEPT_EVENTS = 20_000
_KEPT_ANSWER_BYTES = 16_384
_PAGE_LIMIT = 50
# Data events, which the history does not hold.
_DATA = {
    "logs": {"PutLogEvents", "GetLogEvents", "FilterLogEvents", "StartLiveTail"},
    "monitoring": {"PutMetricData", "GetMetricData", "GetMetricStatistics", "ListMetrics"},
    "servicediscovery": {"DiscoverInstances", "DiscoverInstancesRevision"},
    "s3": {"GetObject", "PutObject", "DeleteObject", "HeadObject", "CopyObject", "ListParts", "UploadPart"},
}
_SECRET = {"secretAccessKey", "sessionToken", "masterUserPassword", "userData"}
_SECRET_THERE = {("ssm", "SendCommand"): {"parameters"}}


@dataclass(frozen=True)
class Event:
    """One event of the history. What it says is worked out when somebody asks."""

    call: Call
    answer: Answer
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @cached_property
    def record(self) -> dict[str, Any]:
        """The record as in CloudTrail's own files, event version 1.10."""
        call, error = self.call, self.answer.error
        record: dict[str, Any] = {
            "eventVersion": "1.10",
            "userIdentity": _user_identity(call.identity),
            "eventTime": _iso(call.time),
            "eventSource": f"{call.signing_name}.amazonaws.com",
            "eventName": call.action,
            "awsRegion": call.region,
            "sourceIPAddress": call.request.source,
            "userAgent": call.request.headers.get("user-agent", ""),
            "requestParameters": self._without_secrets(elements(call.service, self._asked())) or None,
            "responseElements": self._response(),
            "requestID": self.answer.request_id or call.id,
            "eventID": self.id,
            "readOnly": call.reads,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": ACCOUNT_ID,
            "eventCategory": "Management",
        }
        if error:
            record["errorCode"], record["errorMessage"] = error
        return record

    @cached_property
    def resources(self) -> list[dict[str, str]]:
        """Types and names of the resources that the call names."""
        return resources(self.record["requestParameters"], self.record["responseElements"])

    @property
    def entry(self) -> dict[str, Any]:
        """The event as LookupEvents lists it."""
        call = self.call
        return {
            "EventId": self.id,
            "EventName": call.action,
            "ReadOnly": "true" if call.reads else "false",
            "AccessKeyId": call.identity.access_key_id,
            "EventTime": datetime.fromtimestamp(int(call.time), UTC),
            "EventSource": f"{call.signing_name}.amazonaws.com",
            "Username": call.identity.name,
            "Resources": self.resources,
            "CloudTrailEvent": json.dumps(self.record),
        }

    def _asked(self) -> Mapping[str, Any]:
        return self.call.parameters

    def _response(self) -> dict[str, Any] | None:
        model = operation_model(self.call.service, self.call.action)
        if model is None or self.answer.error or not self.answer.body:
            return None
        try:
            parsed = _parse(model, self.call, self.answer)
        except Exception:
            # One answer that cannot be read must not hide the history.
            log.exception("The answer to %s:%s cannot be read", self.call.service, self.call.action)
            return None
        known = {key: value for key, value in parsed.items() if key not in ("ResponseMetadata", "Return")}
        values = elements(self.call.service, known)
        if self.call.service == "ec2":
            values = {"requestId": self.answer.request_id, "_return": True, **values}
        return self._without_secrets(values) or None

    def _without_secrets(self, values: Any) -> Any:
        return _without(_SECRET | _SECRET_THERE.get((self.call.service, self.call.action), set()), values)


@dataclass(frozen=True)
class Deed(Event):
    """What a service did by itself, `asked` and `returned` in the names of botocore's model.

    Source: "Log Amazon EC2 Auto Scaling API calls with AWS CloudTrail" in its User Guide, and "invokedBy" in
    "CloudTrail userIdentity element".
    """

    asked: Mapping[str, Any] = field(default_factory=dict)
    returned: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def record(self) -> dict[str, Any]:
        """The record, which names the service as who and from where."""
        told: dict[str, Any] = super().record
        told["userIdentity"]["invokedBy"] = told["userAgent"] = self.call.request.source
        del told["userIdentity"]["accessKeyId"]
        return told

    def _asked(self) -> Mapping[str, Any]:
        return self.asked

    def _response(self) -> dict[str, Any] | None:
        values: dict[str, Any] = elements(self.call.service, dict(self.returned))
        return values or None


class Trail:
    """The history of one account; bounded, the oldest events go first. Its handler runs under the tap's
    lock.
    """

    def __init__(self, kept: int = _KEPT_EVENTS) -> None:
        self._events: deque[Event] = deque(maxlen=kept)

    def record(self, call: Call, answer: Answer) -> None:
        """Subscriber: keep a call, unless it is a data event."""
        if call.action in _DATA.get(call.signing_name, ()):
            return
        if answer.error is None and (not _responds(call) or len(answer.body) > _KEPT_ANSWER_BYTES):
            answer = replace(answer, body=b"")
        self._events.append(Event(call, answer))

    def tell(
        self, by: Identity, region: str, action: str, asked: Mapping[str, Any], returned: Mapping[str, Any]
    ) -> None:
        """Keep that a service, in its role `by`, called an `action` of EC2."""
        name = by.role_arn.split("/")[2]  # arn:aws:iam::…:role/aws-service-role/<service>/<role>
        request = Request("POST", "/", {}, b"", name)
        call = Call(request, region, "ec2", "ec2", action, by)
        self._events.append(Deed(call, Answer(200, (), b""), asked=asked, returned=returned))

    def lookup(self, call: Call) -> Mapping[str, Any]:
        """Handler of `cloudtrail:LookupEvents`."""
        asked = call.parameters
        limit = int(asked.get("MaxResults") or _PAGE_LIMIT)
        if not 1 <= limit <= _PAGE_LIMIT:
            raise AwsError("InvalidMaxResultsException", "A value for maxResults must be between 1 and 50.")
        since, until = _moment(asked.get("StartTime")), _moment(asked.get("EndTime"))
        if since and until and since > until:
            raise AwsError("InvalidTimeRangeException", "Start time must be before end time.")
        found = (
            event
            for event in self._newest(asked.get("NextToken"))
            if (since is None or event.call.time >= since)
            and (until is None or int(event.call.time) <= until)
            and all(_matches(event, attribute) for attribute in asked.get("LookupAttributes") or [])
        )
        page = list(islice(found, limit + 1))
        answer: dict[str, Any] = {"Events": [event.entry for event in page[:limit]]}
        if len(page) > limit:
            answer["NextToken"] = page[limit - 1].id
        return answer

    def _newest(self, after: str | None) -> Iterator[Event]:
        events = reversed(tuple(self._events))
        if after is None:
            yield from events
            return
        for event in events:
            if event.id == after:
                yield from events
                return
        raise AwsError("InvalidNextTokenException", "Invalid nextToken value.")


def _responds(call: Call) -> bool:
    """Whether CloudTrail records what the call returned."""
    return not call.reads or call.action == "AssumeRole"


def _matches(event: Event, attribute: Mapping[str, str]) -> bool:
    key, value = attribute["AttributeKey"], attribute["AttributeValue"]
    call = event.call
    match key:
        case "EventId":
            return event.id == value
        case "EventName":
            return call.action == value
        case "ReadOnly":
            return call.reads == (value.lower() == "true")
        case "Username":
            return call.identity.name == value
        case "EventSource":
            return f"{call.signing_name}.amazonaws.com" == value
        case "AccessKeyId":
            return call.identity.access_key_id == value
        case "ResourceType":
            return any(resource["ResourceType"] == value for resource in event.resources)
        case "ResourceName":
            return any(resource["ResourceName"] == value for resource in event.resources)
    raise AwsError("InvalidLookupAttributesException", f"{key} is not a lookup attribute.")


def _user_identity(identity: Identity) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": identity.kind,
        "principalId": identity.principal_id,
        "arn": identity.arn,
        "accountId": ACCOUNT_ID,
        "accessKeyId": identity.access_key_id,
    }
    if identity.kind == "AssumedRole":
        said["sessionContext"] = {
            "sessionIssuer": {
                "type": "Role",
                "principalId": identity.role_id,
                "arn": identity.role_arn,
                "accountId": ACCOUNT_ID,
                "userName": identity.role_arn.rpartition("/")[2],
            },
            "attributes": {"creationDate": _iso(identity.since), "mfaAuthenticated": "false"},
        }
    else:
        said["userName"] = identity.name
    return said


def _parse(model: OperationModel, call: Call, answer: Answer) -> dict[str, Any]:
    protocol = determine_request_protocol(model.service_model, call.request.headers.get("content-type"))
    parser = botocore.parsers.create_parser(protocol)
    response = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
    parsed: dict[str, Any] = parser.parse(response, model.output_shape)  # type: ignore[arg-type]
    return parsed


def _without(secret: set[str], value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "HIDDEN_DUE_TO_SECURITY_REASONS" if key in secret else _without(secret, inner)
            for key, inner in value.items()
        }
    return [_without(secret, item) for item in value] if isinstance(value, list) else value


def _moment(value: datetime | float | None) -> float | None:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).timestamp() if value.tzinfo is None else value.timestamp()
    return value


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
