from dataclasses import replace

import pytest

from chaosgood_ext.cli.check import knowledge_of_games
from chaosgood_ext.scenario.check.checker import check_file
from chaosgood_ext.scenario.check.modules import Modules


class ModulesOfAnyMachine(Modules):
    """What is installed here, without what only some machines have."""

    def spec(self, name):
        return None if name.partition(".")[0] in ("jsonpath2", "chaosk8s") else super().spec(name)


@pytest.fixture(scope="session")
def knowledge():
    return replace(knowledge_of_games(), modules=ModulesOfAnyMachine())


@pytest.fixture
def check(tmp_path, knowledge):
    """Checks a text as if it were in a file."""

    def check(text, name="experiment.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return check_file(path, knowledge)

    return check
