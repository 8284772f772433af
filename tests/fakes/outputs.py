"""Outputs of an environment that does not exist."""

from __future__ import annotations

from typing import Any

from chaosgood_ext.environment.outputs import schema


def outputs_document(**changes: Any) -> dict[str, Any]:
    """Whole outputs of a twin, every resource named after itself."""
    resources = {name: f"{name}-1" for name in schema()["properties"]["resources"]["required"]}
    resources |= {
        "vpc_id": "vpc-1",
        "player_role_arn": "arn:aws:iam::123456789012:role/chaosgood-player",
        "injector_role_arn": "arn:aws:iam::123456789012:role/chaosgood-injector",
    }
    names = ("application", "prometheus", "alertmanager", "dashboards")
    document = {
        "schema_version": 1,
        "kind": "twin",
        "name": "testing",
        "region": "us-east-1",
        "account_id": "123456789012",
        "endpoint_url": "http://127.0.0.1:1",
        "resources": resources,
        "urls": {name: {"url": "http://127.0.0.1:1", "access": "direct"} for name in names},
        "timing": {"time_scale": 10, "hold_window_s": 10, "time_limit_scale": 1},
        "credentials": {
            who: {"access_key_id": f"AKIA{who.upper()}", "secret_access_key": f"{who}-secret", "session_token": ""}
            for who in ("facilitator", "player")
        },
    }
    return {**document, **changes}
