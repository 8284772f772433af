from collections.abc import Iterator

import pytest

from chaosgood_ext.twin.cloud import mends


@pytest.fixture(scope="module", autouse=True)
def moto_left_as_it_was() -> Iterator[None]:
    """Whatever patches moto here does so for the whole process, in which other tests want it as it is."""
    yield
    mends.remove()
