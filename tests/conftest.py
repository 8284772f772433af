"""What all tests have in common: which of them share a worker, and a cache folder in which only their own twins are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaosgood_ext.twin import cache

TESTS = Path(__file__).parent
SHARED = ("programs", "images", "terraform")
"""What is fetched or made once for all; whoever makes it keeps others out meanwhile."""
ON_INSTANCES = ("test_aws_ec2", "test_aws_scaling", "test_faults", "test_instances")
"""They crash, replace and add instances, on a twin of their own: others expect those that there were."""
WHOLE_GAMES = (
    "test_author_a_scenario", "test_cheats", "test_dashboards", "test_docs", "test_instance_crash", "test_left_behind",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that share something costly share a worker, and only one whole game at a time be played."""
    for item in items:
        if group := _group(item.path.relative_to(TESTS)):
            item.add_marker(pytest.mark.xdist_group(group))


def _group(path: Path) -> str:
    kind = path.parts[0]
    if kind == "journeys":
        return "games" if path.stem in WHOLE_GAMES else ""
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
