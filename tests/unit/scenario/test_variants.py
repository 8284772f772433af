import pytest

from chaosgood_ext.errors import BadInput
from chaosgood_ext.scenario.model import Play, Scenario, Variant
from chaosgood_ext.scenario.variants import choose, only, played

HARD, SOFT = Variant("hardware", "D", ("break it", "hide it")), Variant("hung", "D", ("freeze it", "hide it"))
METHOD = [{"name": name} for name in ("load", "break it", "freeze it", "hide it", "wait")]


def scenario(*variants: Variant) -> Scenario:
    return Scenario(
        "T", "S", "P", "easy", 60, (),
        fixes=(Play("anything", "D", "true"), Play("reboot", "D", "true", variants=("hardware",))),
        cheats=(Play("look-away", "D", "true", variants=("hung",)),),
        variants=variants,
    )  # fmt: skip


def last(variants):
    return variants[-1]


def test_one_is_drawn_unless_it_is_named():
    assert choose(scenario(HARD, SOFT), "", "", last) is SOFT
    assert choose(scenario(HARD, SOFT), "hardware", "", last) is HARD
    assert choose(scenario(), "", "", last) is None


def test_only_those_are_drawn_that_the_fix_is_for():
    assert choose(scenario(HARD, SOFT), "", "reboot", last) is HARD
    assert choose(scenario(HARD, SOFT), "", "anything", last) is SOFT


@pytest.mark.parametrize(
    ("variants", "name", "fix", "said"),
    [
        ((), "hung", "", "The scenario has no variants"),
        ((HARD, SOFT), "hnug", "", "Set CHAOSGOOD_VARIANT to one of: hardware, hung"),
        ((HARD, SOFT), "hung", "reboot", "Set CHAOSGOOD_FIX to one of: anything, look-away"),
        ((HARD, SOFT), "", "nothing", "Set CHAOSGOOD_FIX to one of: anything, reboot, look-away"),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(variants, name, fix, said):
    with pytest.raises(BadInput, match=said):
        choose(scenario(*variants), name, fix, last)


def test_a_variant_has_its_own_fixes_and_cheats_and_those_of_all():
    assert [play.name for play in only(scenario(HARD, SOFT), HARD).plays] == ["anything", "reboot"]
    assert [play.name for play in only(scenario(HARD, SOFT), SOFT).plays] == ["anything", "look-away"]
    assert only(scenario(), None) == scenario()


def test_what_made_a_variant_possible_is_told_with_what_made_all_of_them_so():
    late = Variant("late", "D", contributing_factors=("nobody was there",))
    told = Scenario("T", "S", "P", "easy", 60, (), (), contributing_factors=("haste",), variants=(HARD, late))
    assert only(told, late).contributing_factors == ("haste", "nobody was there")
    assert only(told, HARD).contributing_factors == ("haste",)


def test_activities_of_others_are_not_played():
    names = [one["name"] for one in played(METHOD, scenario(HARD, SOFT), HARD)]
    assert names == ["load", "break it", "hide it", "wait"]
    assert played(METHOD, scenario(), None) == METHOD
