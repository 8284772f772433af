"""The little of Prometheus' and Alertmanager's HTTP interfaces that a game reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.game.sli import Series, series_of


@dataclass(frozen=True)
class Alert:
    """An alert as Alertmanager knows it; `started` is its `startsAt`."""

    fingerprint: str
    name: str
    severity: str
    pages: bool
    """Whether it is one that somebody is paged for."""
    started: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    silenced: bool = False


class NotJson(EnvironmentUnavailable):
    """An answer that says that all is well, and is not JSON."""


@dataclass
class Http:
    """Reads JSON from the server at `base_url`; `name` is what errors call it."""

    name: str
    base_url: str
    timeout_s: float = 2.0
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    def __post_init__(self) -> None:
        # The environment is reached directly or through a port forward, never through a proxy.
        self._session.trust_env = False

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """GET `path`; raises :class:`EnvironmentUnavailable` without an answer, :class:`NotJson` for no JSON."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, document: Mapping[str, Any]) -> Any:
        """POST `document` to `path`; raises as :meth:`get` does."""
        return self._ask("POST", path, json=document)

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        try:
            address = self.base_url.rstrip("/") + path
            answer = self._session.request(method, address, timeout=self.timeout_s, allow_redirects=False, **content)
            if answer.ok:
                return answer.json()
            reason = f"it answers {answer.status_code}: {answer.text.strip()[:200]}"
        except ValueError as cause:
            what = f"{self.name} at {self.base_url} does not answer as it should (its answer is not JSON)."
            raise NotJson(what) from cause
        except requests.Timeout:
            reason = f"no answer within {self.timeout_s:g} s"
        except requests.RequestException:
            reason = "no connection"
        raise EnvironmentUnavailable(f"{self.name} at {self.base_url} does not answer as it should ({reason}).")


class Prometheus(Http):
    """Prometheus' HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/."""

    def series(self, query: str) -> list[Series]:
        """The samples that the range selector `query` selects now."""
        return series_of(self._query(query, "matrix"))

    def vector(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """Labels and value of each series that `query` gives now."""
        return [(one["metric"], float(one["value"][1])) for one in self._query(query, "vector")]

    def firing_pages(self) -> frozenset[str]:
        """The names of the alerts that page somebody and fire now."""
        alerts = self.get("/api/v1/alerts")["data"]["alerts"]
        return frozenset(
            alert["labels"]["alertname"]
            for alert in alerts
            if alert["state"] == "firing" and alert["labels"].get("page") == "true"
        )

    def _query(self, query: str, kind: str) -> Sequence[Mapping[str, Any]]:
        data = self.get("/api/v1/query", {"query": query})["data"]
        if data["resultType"] != kind:
            raise EnvironmentUnavailable(f"{self.name} gives a {data['resultType']} for {query}, not a {kind}.")
        result: Sequence[Mapping[str, Any]] = data["result"]
        return result


class Alertmanager(Http):
    """Alertmanager's API v2, of which `/alerts` is read."""

    def alerts(self) -> list[Alert]:
        """The alerts that are active, silenced ones too."""
        return [
            Alert(
                fingerprint=one["fingerprint"],
                name=one["labels"].get("alertname", "unnamed"),
                severity=one["labels"].get("severity", ""),
                pages=one["labels"].get("page") == "true",
                started=datetime.fromisoformat(one["startsAt"]),
                labels=one["labels"],
                annotations=one.get("annotations", {}),
                silenced=one["status"]["state"] == "suppressed",
            )
            for one in self.get("/api/v2/alerts", {"active": "true", "silenced": "true", "inhibited": "true"})
        ]
