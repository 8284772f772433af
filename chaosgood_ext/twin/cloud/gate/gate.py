"""Lets calls of people's roles through, or refuses them in the words of AWS.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.iam.models import iam_backends

from chaosgood_ext.twin.cloud import ACCOUNT_ID, PARTITION
from chaosgood_ext.twin.cloud.gate.policy import Answer, Question, Statement, answer, compile_policy
from chaosgood_ext.twin.cloud.gate.questions import Questions, action_of
from chaosgood_ext.twin.cloud.wire import Answer as Reply
from chaosgood_ext.twin.cloud.wire import AwsError, Call

if TYPE_CHECKING:
    from moto.iam.models import ManagedPolicy

    from chaosgood_ext.twin.cloud.identities import Identity
    from chaosgood_ext.twin.cloud.state import State

# Anybody may. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
_FREE = {"sts:GetCallerIdentity"}
_JSON_SERVICES = {
    "application-autoscaling", "budgets", "cloudtrail", "ecs", "kms", "logs", "scheduler", "secretsmanager",
    "servicediscovery", "ssm",
}  # fmt: skip


@dataclass(frozen=True)
class Rights:
    """What a role may: its own policies, and its boundary if it has one."""

    own: list[Statement]
    boundary: list[Statement] | None


class Gate:
    """Evaluates the policies that moto's IAM has for `roles`; everybody else passes. Call it under the tap's lock."""

    def __init__(self, state: State, roles: Collection[str]) -> None:
        self._iam = iam_backends[ACCOUNT_ID][PARTITION]
        self._roles = frozenset(roles)
        self._questions = Questions(state)
        self._rights: dict[str, Rights] = {}
        self._plain: dict[tuple[str, str, str], bool] = {}

    def hear(self, call: Call, reply: Reply) -> None:
        """Subscriber: compile anew after a change of IAM."""
        if call.service == "iam" and not call.reads and reply.error is None:
            self._rights = {}
            self._plain = {}

    def check(self, call: Call) -> None:
        """Raise AWS's error unless the caller may do what is asked."""
        role = call.identity.role_arn.rpartition("/")[2]
        action = action_of(call)
        if role not in self._roles or action in _FREE:
            return
        rights = self._rights_of(role)
        key = (role, action, call.region)
        if key not in self._plain:
            self._plain[key] = self._is_plainly_allowed(rights, action, call.region)
        if self._plain[key]:
            return
        questions = list(self._questions.of(call, action))
        if not questions and not any(one.allows and one.actions.fullmatch(action) for one in rights.own):
            questions = [Question(action)]
        for question in questions:
            self._ask(call, rights, question)

    def _rights_of(self, role: str) -> Rights:
        if role not in self._rights:
            known = self._iam.get_role(role)
            documents = [*known.policies.values(), *map(_document, known.managed_policies.values())]
            own = [statement for document in documents for statement in _compiled(document)]
            arn = known.permissions_boundary_arn
            boundary = _compiled(_document(self._iam.managed_policies[arn])) if arn else None
            self._rights[role] = Rights(own, boundary)
        return self._rights[role]

    @staticmethod
    def _is_plainly_allowed(rights: Rights, action: str, region: str) -> bool:
        """Whether action and region alone decide, and allow: most reading, which then need not be parsed."""
        question = Question(action, "*", {"aws:requestedregion": region})
        for statements in (rights.own, rights.boundary):
            if statements is None:
                continue
            concerned = [one for one in statements if one.actions.fullmatch(action)]
            denials = [one for one in concerned if not one.allows]
            if (
                not all(one.plain for one in denials)
                or answer([one for one in concerned if one.plain], question) is not Answer.ALLOWED
            ):
                return False
        return True

    @staticmethod
    def _ask(call: Call, rights: Rights, question: Question) -> None:
        for statements, kind in ((rights.own, "identity-based policy"), (rights.boundary, "permissions boundary")):
            said = Answer.ALLOWED if statements is None else answer(statements, question)
            if said is not Answer.ALLOWED:
                raise _refusal(call, question, said, kind)


def _document(policy: ManagedPolicy) -> str:
    """The document of its default version."""
    return next(str(one.document) for one in policy.versions if one.version_id == policy.default_version_id)


def _compiled(document: str) -> list[Statement]:
    try:
        return compile_policy(json.loads(document))
    except ValueError as unknown:
        raise AwsError("NotImplemented", f"A policy cannot be evaluated: {unknown}.", 501) from unknown


def _refusal(call: Call, question: Question, said: Answer, kind: str) -> AwsError:
    who: Identity = call.identity
    why = f"no {kind} allows the {question.action} action"
    reason = (
        f"with an explicit deny in a{'n' if kind[0] in 'aeiou' else ''} {kind}"
        if said is Answer.DENIED
        else (f"because {why}")
    )
    what = f"User: {who.arn} is not authorized to perform: {question.action} on resource: {question.resource} {reason}"
    if call.service == "ec2":
        return AwsError("UnauthorizedOperation", f"You are not authorized to perform this operation. {what}", 403)
    if call.service in _JSON_SERVICES:
        return AwsError("AccessDeniedException", what, 400)
    return AwsError("AccessDenied", what, 403)
