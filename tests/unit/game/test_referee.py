import random

import pytest

from chaosgood_ext.game.guards.guard import Check, Violation
from chaosgood_ext.game.recovery import Recovery, Situation
from chaosgood_ext.game.referee import Rules, State, Verdict, bad_seconds, is_calm, judge, rates
from chaosgood_ext.game.sli import Interval, Reader, Series, Source, series_of

FAULT = 1000.0
RULES = Rules(hold_window_s=10, rates={Source.PROBER: 3, Source.TRAFFIC: 25})


def second(at, *, bad_traffic=0.0, bad_prober=0.0, traffic=25.0, prober=3.0):
    """What both sources met in the second that ends at `at`."""
    return [
        Interval(Source.TRAFFIC, at - 1, at, bad_traffic, traffic),
        Interval(Source.PROBER, at - 1, at, bad_prober, prober),
    ]


def story(*stretches, start=FAULT + 1):
    """Seconds one after the other: (how many, what they are like)."""
    intervals, at = [], start
    for count, likeness in stretches:
        for _ in range(count):
            intervals += second(at, **likeness)
            at += 1
    return intervals, at - 1


GOOD, BAD = {}, {"bad_traffic": 10.0, "bad_prober": 1.0}


def judged(intervals, now, **situation):
    defaults = {"alert_firing": False, "violations": (), "fault": FAULT}
    return judge(intervals, RULES, now=now, **{**defaults, **situation})


def test_users_are_unhurt_as_long_as_nothing_fails():
    intervals, now = story((20, GOOD))
    assert judged(intervals, now).state is State.UNHURT


def test_a_single_bad_second_is_noise():
    intervals, now = story((3, GOOD), (1, BAD), (5, GOOD))
    assert judged(intervals, now).state is State.UNHURT


def test_two_bad_seconds_in_a_row_are_an_impact_that_began_with_the_first():
    intervals, now = story((3, GOOD), (2, BAD))
    judgement = judged(intervals, now)
    assert (judgement.state, judgement.impact) == (State.OUTAGE, FAULT + 4)


def test_the_prober_alone_can_tell_of_an_impact():
    intervals, now = story((3, GOOD), (4, {"bad_prober": 3.0}))
    assert judged(intervals, now).impact == FAULT + 4


def test_seconds_without_any_request_do_not_hide_an_impact():
    intervals = [*second(1001), *second(1003, **BAD), *second(1006, **BAD)]
    assert judged(intervals, 1006).impact == 1003


def test_a_recovery_counts_when_it_held_for_the_window_and_not_a_moment_earlier():
    intervals, now = story((2, GOOD), (5, BAD), (10, GOOD))
    assert judged(intervals, now - 0.5).state is State.HOLDING
    judgement = judged(intervals, now)
    assert (judgement.state, judgement.last_bad) == (State.RECOVERED, FAULT + 7)


def test_a_flapping_recovery_starts_the_window_anew():
    intervals, now = story((5, BAD), (9, GOOD), (1, BAD), (9, GOOD))
    assert judged(intervals, now).state is State.HOLDING
    assert judged(intervals, now).last_bad == FAULT + 15


@pytest.mark.parametrize(("silent", "word"), [({"traffic": 0.0}, "no traffic"), ({"prober": 0.0}, "no prober")])
def test_no_requests_are_no_recovery(silent, word):
    intervals, now = story((5, BAD), (15, silent))
    judgement = judged(intervals, now)
    assert judgement.state is State.HOLDING
    assert word in judgement.waiting_for


def test_a_trickle_of_requests_is_no_recovery():
    intervals, now = story((5, BAD), (15, {"traffic": 3.0}))
    assert "no traffic" in judged(intervals, now).waiting_for


def test_old_good_news_is_no_recovery():
    intervals, now = story((5, BAD), (15, GOOD))
    judgement = judged(intervals, now + 5)
    assert set(judgement.waiting_for) >= {"no traffic", "no prober"}


def test_an_alert_that_still_fires_is_waited_for():
    intervals, now = story((5, BAD), (15, GOOD))
    assert judged(intervals, now, alert_firing=True).waiting_for == ("the alert still fires",)


def test_an_overdue_guard_rejects_a_recovery_and_only_a_recovery():
    outage, now = story((5, BAD))
    assert judged(outage, now, violations=["x is open"], overdue=True).state is State.OUTAGE
    recovered, now = story((5, BAD), (15, GOOD))
    judgement = judged(recovered, now, violations=["x is open"], overdue=True)
    assert (judgement.state, judgement.waiting_for) == (State.REJECTED, ("x is open",))
    assert judged(recovered, now, violations=["x is open"]).state is State.HOLDING


def test_the_window_begins_anew_when_a_guard_holds_again():
    recovered, now = story((5, BAD), (15, GOOD))
    assert judged(recovered, now, unguarded_until=now - 9).waiting_for == ("1 s more",)
    assert judged(recovered, now, unguarded_until=now - 10).state is State.RECOVERED


def test_a_guard_that_gets_no_answer_is_waited_for():
    recovered, now = story((5, BAD), (15, GOOD))
    assert judged(recovered, now, unanswered=["data"]).waiting_for == ("the guard data gets no answer",)


def test_errors_within_the_objective_are_no_outage():
    assert bad_seconds(second(1001, bad_traffic=0.2), 0.99)[Source.TRAFFIC] == {1001: False}
    assert bad_seconds(second(1001, bad_traffic=0.3), 0.99)[Source.TRAFFIC] == {1001: True}


def test_what_happened_before_the_fault_does_not_count():
    intervals, _ = story((5, BAD), start=FAULT - 10)
    assert judged(intervals, FAULT + 1).state is State.UNHURT


def test_calm_needs_both_sources_all_along_and_enough_traffic():
    good, _ = story((5, GOOD))
    assert is_calm(good, 0.99, 5, 25)
    assert not is_calm(good, 0.99, 5, 40)
    assert not is_calm(good[:4], 0.99, 5, 0)
    assert not is_calm([*good, *second(1010, **BAD)], 0.99, 5, 25)
    assert not is_calm([one for one in good if one.source is Source.TRAFFIC], 0.99, 5, 25)
    assert rates(good, 5) == {Source.PROBER: 3, Source.TRAFFIC: 25}


# Recovery: from judgements to rulings


def situation(intervals, now, **changes):
    return Situation(now, intervals, **changes)


def recovery(limit_s=900):
    return Recovery(RULES, FAULT, limit_s)


def test_a_recovery_that_held_is_resolved_and_says_how_long_users_were_hurt():
    intervals, now = story((5, BAD), (15, GOOD))
    ruling = recovery().step(situation(intervals, now))
    assert (ruling.verdict, "4.0 s" in ruling.reason) == (Verdict.RESOLVED, True)


CHEAT = Violation("g", "the door is open")
BLINDING = Violation("eye", "it is shut", blinds=True)


def play(following, *stretches, check=lambda _: Check(), until=None, **changes):
    """Step once a second through what users got; the ruling, and when it was made."""
    intervals, end = story(*stretches)
    now = FAULT
    while now < (until or end):
        now += 1
        seen = [one for one in intervals if one.end <= now]
        ruling = following.step(situation(seen, now, check=check(now), **changes))
        if ruling is not None:
            return ruling, now
    return None, now


def test_a_cheat_is_rejected_with_the_guard_named():
    ruling, _ = play(recovery(), (5, BAD), (40, GOOD), check=lambda _: Check((CHEAT,)))
    assert (ruling.verdict, ruling.guards) == (Verdict.REJECTED, ("g",))
    assert "the guard g does not hold (the door is open)" in ruling.reason


def test_a_violation_that_is_mended_in_time_is_forgiven_and_the_window_begins_anew():
    def check(now):
        return Check((CHEAT,)) if now < FAULT + 12 else Check()

    ruling, now = play(recovery(), (5, BAD), (40, GOOD), check=check)
    assert (ruling.verdict, now) == (Verdict.RESOLVED, FAULT + 11 + 10)


def test_a_patient_guard_waits_for_what_is_being_replaced():
    slow = Violation("capacity", "one is missing", patience=6)
    ruling, now = play(recovery(), (5, BAD), (90, GOOD), check=lambda _: Check((slow,)))
    assert (ruling.verdict, now) == (Verdict.REJECTED, FAULT + 61)
    ruling, _ = play(recovery(limit_s=30), (5, BAD), (90, GOOD), check=lambda _: Check((slow,)))
    assert (ruling.verdict, ruling.guards) == (Verdict.REJECTED, ("capacity",))


@pytest.mark.parametrize("likeness", [GOOD, BAD], ids=["served", "hurt"])
def test_who_blinds_the_referee_is_rejected_whether_users_are_served_or_not(likeness):
    ruling, now = play(recovery(), (60, likeness), check=lambda _: Check((BLINDING,)))
    assert (ruling.verdict, ruling.guards, now) == (Verdict.REJECTED, ("eye",), FAULT + 16)


def test_who_opens_the_referees_eyes_again_plays_on():
    def check(now):
        return Check((BLINDING,)) if now < FAULT + 10 else Check()

    ruling, _ = play(recovery(), (30, BAD), check=check)
    assert ruling is None


def test_silence_that_somebody_made_is_rejected_and_not_aborted():
    ruling, _ = play(recovery(), (60, BAD), check=lambda _: Check((BLINDING,)), silent_s=30)
    assert ruling.verdict is Verdict.REJECTED


def test_a_cheat_that_does_not_serve_users_times_out():
    ruling, _ = play(recovery(limit_s=30), (60, BAD), check=lambda _: Check((CHEAT,)))
    assert ruling.verdict is Verdict.TIMED_OUT


def test_a_cheat_before_anybody_felt_the_fault_is_rejected():
    ruling, _ = play(recovery(), (60, GOOD), check=lambda _: Check((CHEAT,)))
    assert (ruling.verdict, ruling.guards) == (Verdict.REJECTED, ("g",))


@pytest.mark.parametrize("seed", range(40))
def test_whatever_flaps_is_resolved_only_after_a_window_without_a_bad_second(seed):
    chance = random.Random(seed)
    stretches = []
    while sum(count for count, _ in stretches) < 120:
        stretches += [(chance.randint(1, 6), BAD), (chance.randint(1, 14), chance.choice([GOOD, {"traffic": 2.0}]))]
    intervals, _ = story(*stretches)
    ruling, now = play(recovery(), *stretches)
    bad = {one.end for one in intervals if one.bad and one.end <= now}
    quiet = [one for one in intervals if now - 10 < one.end <= now]
    if ruling is None:
        return
    assert ruling.verdict is Verdict.RESOLVED
    assert max(bad) <= now - 10
    assert sum(one.total for one in quiet if one.source is Source.TRAFFIC) >= 125


@pytest.mark.parametrize("good", range(1, 10))
def test_a_recovery_shorter_than_the_window_never_counts(good):
    ruling, _ = play(recovery(), *[(2, BAD), (good, GOOD)] * 12)
    assert ruling is None


def test_a_game_times_out_and_says_what_was_lacking():
    intervals, now = story((20, BAD))
    assert recovery(limit_s=19).step(situation(intervals, now)).reason.endswith("users are still hurt.")
    intervals, now = story((5, BAD), (15, GOOD))
    ruling = recovery(limit_s=19).step(situation(intervals, now, pages_firing=frozenset({"A"})))
    assert ruling.verdict is Verdict.TIMED_OUT
    assert "the alert still fires" in ruling.reason


def test_the_impact_is_remembered_although_older_intervals_are_let_go():
    following = recovery()
    intervals, now = story((5, BAD), (4, GOOD))
    assert following.step(situation(intervals, now)) is None
    rest, now = story((12, GOOD), start=now + 1)
    following.step(situation(rest, now))
    assert following.judgement.impact == FAULT + 1


def test_prometheus_silent_for_too_long_ends_the_game():
    intervals, now = story((5, BAD))
    assert recovery().step(situation(intervals, now, silent_s=14)) is None
    ruling = recovery().step(situation(intervals, now, silent_s=16))
    assert (ruling.verdict, "Prometheus has not answered" in ruling.reason) == (Verdict.ABORTED, True)


@pytest.mark.parametrize(("acted", "verdict"), [(True, Verdict.RESOLVED), (False, Verdict.ABORTED)])
def test_a_fault_that_nobody_felt_was_repaired_early_or_is_none(acted, verdict):
    intervals, now = story((31, GOOD))
    assert recovery().step(situation(intervals, now - 5, responder_acted=acted)) is None
    assert recovery().step(situation(intervals, now, responder_acted=acted)).verdict is verdict


def test_a_repair_that_nobody_felt_waits_for_guards_that_get_no_answer():
    intervals, now = story((40, GOOD))
    silent = {"check": Check(unanswered=(("data", "no connection"),)), "responder_acted": True}
    assert recovery().step(situation(intervals, now, **silent)) is None
    ruling = recovery(limit_s=39).step(situation(intervals, now, **silent))
    assert ruling.verdict is Verdict.TIMED_OUT
    assert "nobody felt the fault, but the guard data gets no answer" in ruling.reason


# Samples


def matrix(labels, *samples):
    return [{"metric": labels, "values": [[time, str(value)] for time, value in samples]}]


def test_each_probe_is_an_interval_and_counts_once():
    reader = Reader()
    first = series_of(matrix({"journey": "home"}, (1, 1), (2, 0), (3, 1)))
    assert [(one.end, one.bad, one.total) for one in reader.prober(first)] == [(2, 1, 1), (3, 0, 1)]
    again = series_of(matrix({"journey": "home"}, (2, 0), (3, 1), (4, 0)))
    assert [(one.end, one.bad) for one in reader.prober(again)] == [(4, 1)]


def test_counters_become_requests_and_those_with_5xx_are_bad():
    reader = Reader()
    good = Series({"status": "2xx"}, [(1, 10), (2, 35)])
    failed = Series({"status": "5xx"}, [(1, 0), (2, 7)])
    assert [(one.bad, one.total) for one in reader.traffic([good, failed])] == [(0, 25), (7, 7)]


def test_a_counter_that_was_reset_counts_from_zero():
    assert [one.total for one in Reader().traffic([Series({}, [(1, 100), (2, 4)])])] == [4]
