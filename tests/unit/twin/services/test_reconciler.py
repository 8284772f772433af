"""Controllers run after every trigger, whatever happens to others."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from chaosgood_ext.twin.services.reconciler import Reconciler, apply_each


class Counting:
    """A controller that says when it ran, and does what it is told."""

    def __init__(self, name: str, act: Callable[[int], bool] = lambda _: False) -> None:
        self.name = name
        self.runs = 0
        self._act = act
        self._ran = threading.Condition()

    def reconcile(self) -> bool:
        with self._ran:
            self.runs += 1
            self._ran.notify_all()
        return self._act(self.runs)

    def await_runs(self, runs: int) -> None:
        with self._ran:
            assert self._ran.wait_for(lambda: self.runs >= runs, timeout=5)


@pytest.fixture
def started() -> Callable[..., Reconciler]:
    return lambda *controllers, resync_s=60.0: _start(controllers, resync_s)


def _start(controllers: tuple[Counting, ...], resync_s: float) -> Reconciler:
    reconciler = Reconciler(controllers, resync_s)
    reconciler.start()
    return reconciler


def test_each_controller_runs_at_start_and_after_every_trigger(started: Callable[..., Reconciler]) -> None:
    one, two = Counting("one"), Counting("two")
    reconciler = started(one, two)
    one.await_runs(1)
    two.await_runs(1)
    reconciler.trigger()
    one.await_runs(2)
    two.await_runs(2)
    reconciler.stop()


def test_without_a_trigger_it_runs_after_the_resync_period(started: Callable[..., Reconciler]) -> None:
    one = Counting("one")
    reconciler = started(one, resync_s=0.01)
    one.await_runs(5)
    reconciler.stop()


def test_a_change_lets_all_look_again(started: Callable[..., Reconciler]) -> None:
    changing = Counting("changing", lambda run: run == 1)
    other = Counting("other")
    reconciler = started(changing, other)
    other.await_runs(2)
    reconciler.stop()


def test_a_controller_that_fails_is_tried_again_and_stops_no_other(
    started: Callable[..., Reconciler], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: int) -> bool:
        raise RuntimeError("broken")

    failing, other = Counting("failing", fail), Counting("other")
    reconciler = started(failing, other)
    failing.await_runs(3)
    reconciler.trigger()
    other.await_runs(2)
    reconciler.stop()
    assert caplog.text.count("The failing controller failed") == 1


def test_every_step_is_tried_and_all_failures_are_told() -> None:
    done = []

    def apply(step: int) -> None:
        if step % 2:
            raise ValueError(step)
        done.append(step)

    with pytest.raises(ExceptionGroup) as raised:
        apply_each([1, 2, 3, 4], apply)
    assert done == [2, 4]
    assert [str(problem) for problem in raised.value.exceptions] == ["1", "3"]
    assert apply_each([], apply) is False
    assert apply_each([2], apply) is True
