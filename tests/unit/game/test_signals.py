import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from chaosgood_ext.game.signals import HANDLED, Interrupted, Signals
from tests.fakes.waiting import eventually


@pytest.fixture
def signals():
    heard = []
    made = []

    def make(*, may_raise=True):
        made.append(Signals(heard.append, lambda: may_raise))
        made[-1].install()
        return made[-1], heard

    # Whoever runs the tests in the background, or by nohup, has some of them ignored, and that is kept to.
    inherited = {number: signal.signal(number, signal.SIG_DFL) for number in HANDLED}
    yield make
    for one in made:
        one.restore()
    assert {signal.getsignal(number) for number in HANDLED} == {signal.SIG_DFL}
    for number, handler in inherited.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", HANDLED)
def test_the_first_signal_breaks_off_what_the_main_thread_hangs_in(signals, number):
    made, heard = signals()
    threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
    with pytest.raises(Interrupted):
        threading.Event().wait(30)
    assert eventually(lambda: heard) == [number]
    assert made.received is number


def test_a_second_signal_changes_nothing(signals):
    _, heard = signals()
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    eventually(lambda: heard)
    assert heard == [signal.SIGINT]


def test_in_a_phase_that_puts_things_back_nothing_is_raised_but_the_signal_is_heard(signals):
    _, heard = signals(may_raise=False)
    signal.raise_signal(signal.SIGTERM)
    assert eventually(lambda: heard) == [signal.SIGTERM]


NOHUP = """
import signal, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from chaosgood_ext.game.signals import Signals
Signals(print, lambda: True).install()
print("ready", flush=True)
time.sleep(0.3)
print("alive", flush=True)
"""


def test_what_is_ignored_stays_ignored():
    process = subprocess.Popen([sys.executable, "-c", NOHUP], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "alive\n"
    assert process.wait(10) == 0


def test_time_that_passes_in_a_handler_is_none(signals):
    signals(may_raise=False)
    began = time.monotonic()
    signal.raise_signal(signal.SIGINT)
    assert time.monotonic() - began < 0.1
