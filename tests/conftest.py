"""What all tests have in common: which of them share a worker, and a cache folder in which only their own twins are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaosgood_ext.twin import cache

TESTS = Path(__file__).parent
SHARED = ("programs", "images", "terraform")
"""What is fetched or made once for all; whoever makes it keeps others out meanwhile."""
ON_INSTANCES = ("test_aws_ec2", "test_aws_scaling", "test_faults", "test_instances")
"""They crash, replace and add instances, on a twin of their own: others expect those that there were."""
WHOLE_GAMES = {
    "games of pages": ("test_author_a_scenario", "test_docs"),
    "games of scenarios": ("test_cheats", "test_dashboards", "test_instance_crash", "test_left_behind"),
}
"""Of each only one game at a time is played."""
LONGEST_FIRST = ("games of scenarios", "games of pages", "twin", "instances", "terraform")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: _rank(_share(item.path.relative_to(TESTS))))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let tests that share something costly share a worker."""
    from xdist.scheduler import LoadScopeScheduling

    class Shares(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _share(Path(nodeid.partition("::")[0]).relative_to(TESTS.name)) or nodeid

    config.option.loadscopereorder = False
    return Shares(config, log)


def _rank(share: str) -> int:
    return LONGEST_FIRST.index(share) if share in LONGEST_FIRST else len(LONGEST_FIRST)


def _share(path: Path) -> str:
    """With which others the tests in a file share a worker; empty where each stands for itself."""
    kind = path.parts[0]
    if kind == "journeys":
        return next((share for share, names in WHOLE_GAMES.items() if path.stem in names), "")
    if kind == "unit":
        return "/".join(path.parts[:2]) if path.parts[1] == "stack" else str(path)
    return "instances" if path.stem in ON_INSTANCES else kind


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the twins of this worker apart from those of others, and from the ones that somebody plays on."""
    shared, own = cache.folder(), tmp_path_factory.mktemp("cache")
    for name in SHARED:
        (shared / name).mkdir(parents=True, exist_ok=True)
        (own / name).symlink_to(shared / name)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CHAOSGOOD_CACHE", str(own))
        yield
