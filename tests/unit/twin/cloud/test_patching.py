import pytest
from moto.ec2.models.instances import Instance
from moto.rds.models import DBInstance

from chaosgood_ext.twin.cloud import mends
from chaosgood_ext.twin.cloud.mends import patching


def test_all_patches_can_be_taken_off_and_put_on_again():
    mends.remove()
    before = dict(vars(Instance)), dict(vars(DBInstance))
    for _ in range(2):
        mends.install()
        mends.install()
        assert (dict(vars(Instance)), dict(vars(DBInstance))) != before
        mends.remove()
        assert (dict(vars(Instance)), dict(vars(DBInstance))) == before


def test_a_name_that_moto_no_longer_has_is_not_patched_in_silence():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        patching.replace(Instance, "nothing_like_it", None)
