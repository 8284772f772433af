"""The autopilot works like a person: from the page on, and until it is done."""

import io
from types import SimpleNamespace

from chaosgood_ext.game.responder import Autopilot, Briefing, Page
from chaosgood_ext.game.terminal import Terminal
from chaosgood_ext.record.folder import GameFolder
from chaosgood_ext.scenario.model import Play
from tests.fakes.waiting import eventually

PAGE = Page(title="Shop: all fails", text="Mend it.", alert="ShopFails", started="2026-01-01T00:00:00+00:00")


def autopilot(folder, script):
    here = SimpleNamespace(twin=SimpleNamespace(argv_in=lambda _, argv: argv))
    briefing = Briefing(GameFolder(folder), None, here, Terminal(io.StringIO()), give_up=lambda _: None)
    return Autopilot(briefing, Play(name="fix", description="Mends it.", run=script))


def test_it_is_at_work_from_the_page_until_its_script_has_ended(tmp_path):
    done = tmp_path / "done"
    pilot = autopilot(tmp_path, f"until [ -e {done} ]; do sleep 0.01; done")
    assert not pilot.is_at_work
    pilot.page(PAGE)
    assert pilot.is_at_work
    done.touch()
    eventually(lambda: not pilot.is_at_work)
    pilot.stop()


def test_when_the_game_is_over_it_is_not_at_work_any_more(tmp_path):
    pilot = autopilot(tmp_path, "sleep 1000")
    pilot.page(PAGE)
    pilot.stop()
    assert not pilot.is_at_work
