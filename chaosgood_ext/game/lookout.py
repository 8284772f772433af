"""Everything that watches the environment during a game, started and ended together."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from chaosgood_ext.environment.find import Environment
from chaosgood_ext.errors import ChaosGoodError
from chaosgood_ext.game.aws import Aws
from chaosgood_ext.game.observations import Observations
from chaosgood_ext.game.prometheus import Alert, Alertmanager, Prometheus
from chaosgood_ext.game.watcher import Watcher
from chaosgood_ext.game.watches import Alerts, AwsCalls, ScalingActivities, Sessions, UserExperience
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import GameFolder

_METRICS_S = 0.5
_SCALING_S = 5.0
_AWS_S = {"twin": 1.0, "aws": 5.0}
"""CloudTrail answers two look-ups a second on AWS, shared by everybody in the account."""


class Lookout:
    """Watches `environment`; `on_page` hears of alerts that page, `on_failure` of what ends the game."""

    def __init__(
        self,
        environment: Environment,
        folder: GameFolder,
        aws: Aws,
        seen: Observations,
        *,
        objective: float,
        on_page: Callable[[Alert], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._on_failure = on_failure
        urls, now = environment.outputs.urls, datetime.now(UTC)
        prometheus = Prometheus("Prometheus", urls["prometheus"].url)
        alertmanager = Alertmanager("Alertmanager", urls["alertmanager"].url)
        every_s = _AWS_S[environment.outputs.kind]
        self._metrics = self._watch("Prometheus", UserExperience(prometheus, folder, seen, objective).look, _METRICS_S)
        alerts = self._watch("Alertmanager", Alerts(alertmanager, folder, on_page).look, _METRICS_S)
        self._last_words = [
            self._watch("CloudTrail", AwsCalls(aws, folder, now).look, every_s),
            self._watch("Auto Scaling", ScalingActivities(aws, folder, now).look, _SCALING_S),
            self._watch("the log of sessions", Sessions(aws, folder, now).look, every_s),
        ]
        self._watchers = [self._metrics, alerts, *self._last_words]

    @property
    def silent_s(self) -> float:
        """For how long Prometheus has not answered."""
        since = self._metrics.lost_since
        return 0.0 if since is None else time.monotonic() - since

    def start(self) -> None:
        """Begin to watch."""
        for watcher in self._watchers:
            watcher.start()

    def stop(self, *, hastily: bool) -> None:
        """Watch no more; unless `hastily`, ask once more what the responder did last."""
        for watcher in self._watchers:
            watcher.stop()
        for watcher in self._watchers:
            ended = watcher.join(0.1 if hastily else 2.0)
            if ended and not hastily and watcher in self._last_words:
                try:
                    watcher.look_once()
                except ChaosGoodError as failure:
                    self._lost(watcher, str(failure))

    def _watch(self, name: str, look: Callable[[], None], interval_s: float) -> Watcher:
        return Watcher(
            name, look, interval_s, on_lost=self._lost, on_back=self._back,
            on_failure=self._failed,
        )  # fmt: skip

    def _lost(self, watcher: Watcher, why: str) -> None:
        self._note(Kind.SOURCE_LOST, {"what": watcher.name, "why": why})

    def _back(self, watcher: Watcher) -> None:
        self._note(Kind.SOURCE_BACK, {"what": watcher.name})

    def _failed(self, watcher: Watcher, why: str) -> None:
        self._folder.log_line(f"{watcher.name}: {why}")
        last = why.strip().rpartition("\n")[2]
        self._on_failure(f"Watching {watcher.name} failed: {last} (more in {self._folder.log}).")

    def _note(self, kind: Kind, data: dict[str, str]) -> None:
        try:
            self._folder.record.append(kind, data, subject=data["what"])
        except ChaosGoodError as failure:
            self._on_failure(str(failure))
