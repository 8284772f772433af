"""The one way into moto: the tap sees every call, who made it and how it ended.

A call goes through in steps: who and what (`wire`, `identities`), whether they may (`gate`), an answer of our own
where a handler is registered for the action, else moto's, then the subscribers, who never delay or change the answer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from moto.backend_index import backend_url_patterns
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from chaosgood_ext.twin.cloud import shortcuts
from chaosgood_ext.twin.cloud.identities import Identities, as_service_says
from chaosgood_ext.twin.cloud.refusals import lacking
from chaosgood_ext.twin.cloud.wire import (
    Answer,
    AwsError,
    Call,
    Request,
    Scope,
    action_of,
    failure,
    result,
    service_of,
)

log = logging.getLogger(__name__)

Handler = Callable[[Call], Mapping[str, Any] | None]
"""Answers a call with values in the names of botocore's model, raises `AwsError`, or returns None: moto
answers.
"""

Guard = Callable[[Call], None]
"""Raises `AwsError` for a call that is to be refused."""

Subscriber = Callable[[Call, Answer], None]


class Tap:
    """moto's application behind one lock. `lock` also guards every direct look into moto's state."""

    def __init__(self) -> None:
        shortcuts.install()
        self.lock = threading.RLock()
        self.identities = Identities()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._handlers: dict[tuple[str, str], Handler] = {("sts", "AssumeRole"): self._assume_role}
        self._guards: dict[str, Guard] = {}
        self._subscribers: list[Subscriber] = []
        self._gate: Callable[[Call], None] | None = None

    def handle(self, service: str, action: str, handler: Handler) -> None:
        """Let `handler` answer an action before moto does; it runs under the lock."""
        self._handlers[service, action] = handler

    def guard(self, service: str, guard: Guard) -> None:
        """Let `guard` look at every call of a service before anything answers it; it runs under the lock."""
        self._guards[service] = guard

    def admit_by(self, gate: Callable[[Call], None]) -> None:
        """Let `gate` look at every call before it is answered; it raises `AwsError`, under the lock."""
        self._gate = gate

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell `subscriber` of every call of a known caller, once its answer is ready."""
        self._subscribers.append(subscriber)

    def answer(self, request: Request) -> Answer:
        """Answer a request; never raises."""
        scope = Scope.of(request)
        service = service_of(request, scope.signing_name)
        try:
            call = self._recognise(request, scope, service)
        except AwsError as error:
            return failure(request, service, error)
        answer = self._outcome(call)
        for subscriber in self._subscribers:
            try:
                subscriber(call, answer)
            except Exception:
                log.exception("A subscriber failed on %s:%s", service, call.action)
        return answer

    def _recognise(self, request: Request, scope: Scope, service: str) -> Call:
        if not scope.access_key_id:
            raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        with self.lock:
            try:
                identity = self.identities.resolve(scope.access_key_id, request.headers.get("x-amz-security-token", ""))
            except AwsError as error:
                raise as_service_says(error, service) from error
        action = action_of(request, service)
        return Call(request, scope.region, scope.signing_name, service, action, identity)

    def _outcome(self, call: Call) -> Answer:
        try:
            with self.lock:
                if self._gate is not None:
                    self._gate(call)
                if guard := self._guards.get(call.service):
                    guard(call)
                handler = self._handlers.get((call.service, call.action))
                values = handler(call) if handler else None
                return self._ask_moto(call) if values is None else result(call, values)
        except AwsError as error:
            return failure(call.request, call.service, error)
        except (NotImplementedError, ModuleNotFoundError):
            return failure(call.request, call.service, lacking(call))
        except Exception as cause:
            if not _in_moto(call):
                return failure(call.request, call.service, lacking(call))
            log.exception("%s:%s failed", call.service, call.action)
            message = f"The twin failed in {call.service}:{call.action}: {type(cause).__name__}: {cause}"
            return failure(call.request, call.service, AwsError("InternalFailure", message, 501))

    def _ask_moto(self, call: Call) -> Answer:
        began: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            began[:] = [int(status.split(" ", 1)[0]), tuple(headers)]

        body = b"".join(self._moto(call.request.environ(), start_response))
        answer = Answer(began[0], began[1], body)
        if answer.status == 404 and body[:9].lower() == b"<!doctype":
            return failure(call.request, call.service, lacking(call))
        return answer

    def _assume_role(self, call: Call) -> None:
        self.identities.may_assume(call.identity, call.parameters.get("RoleArn", ""))


def _in_moto(call: Call) -> bool:
    url = f"http://{call.signing_name}.{call.region}.amazonaws.com"
    return any(pattern.match(url) for _, pattern in backend_url_patterns)
