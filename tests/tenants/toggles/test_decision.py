"""Which value holds, and why: the order of default, roll-out, plan, master, station and kill switch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.toggles.decision import BUCKETS, Decision, Facts, Mode, Policy, Rollout, Source, bucket, decide, is_reached
from tenants.toggles.flags import FLAGS, Flag, Kind

LAYOUT = Flag(
    key="layout",
    title="",
    description="",
    default="default",
    choices=dict.fromkeys(("default", "rollout", "plan", "all", "own", "choice", "killed"), ""),
)
HIDDEN = Flag(key="layout", title="", description="", default="default", choices=LAYOUT.choices, for_owner=False)
ROLLOUT: dict[str, Any] = {"rollouts": {"layout": Rollout("rollout", BUCKETS)}}
PLAN: dict[str, Any] = {"of_plan": {"layout": "plan"}}
CHOICE: dict[str, Any] = {"choices": {"layout": "choice"}}


def for_all(mode: Mode, value: str | None = "all") -> dict[str, Any]:
    return {"policies": {"layout": Policy(mode, value, "because")}}


def for_one(mode: Mode, value: str | None = "own") -> dict[str, Any]:
    return {"own_policies": {"layout": Policy(mode, value, "because of you")}}


@pytest.mark.parametrize(
    ("facts", "value", "source", "is_fixed"),
    [
        ({}, "default", Source.DEFAULT, False),
        (ROLLOUT, "rollout", Source.ROLLOUT, False),
        (ROLLOUT | PLAN, "plan", Source.PLAN, False),
        (ROLLOUT | PLAN | CHOICE, "choice", Source.CHOICE, False),
        (PLAN | for_all(Mode.ALLOW), "all", Source.POLICY, False),
        (PLAN | for_all(Mode.ALLOW) | CHOICE, "choice", Source.CHOICE, False),
        (PLAN | for_all(Mode.ALLOW, None), "plan", Source.PLAN, False),
        (PLAN | for_all(Mode.LOCK) | CHOICE, "all", Source.POLICY, True),
        (PLAN | for_all(Mode.LOCK, None) | CHOICE, "plan", Source.PLAN, True),
        (for_all(Mode.LOCK, None) | CHOICE, "default", Source.DEFAULT, True),
        (PLAN | for_all(Mode.FORCE) | CHOICE, "all", Source.POLICY, True),
        (for_all(Mode.FORCE) | for_one(Mode.ALLOW, None) | PLAN | CHOICE, "choice", Source.CHOICE, False),
        (for_all(Mode.FORCE) | for_one(Mode.ALLOW, None) | PLAN, "plan", Source.PLAN, False),
        (for_all(Mode.ALLOW) | for_one(Mode.FORCE) | CHOICE, "own", Source.POLICY, True),
        (for_all(Mode.FORCE) | for_one(Mode.LOCK, None) | CHOICE, "default", Source.DEFAULT, True),
    ],
)
def test_what_holds(facts: dict[str, Any], value: str, source: Source, is_fixed: bool) -> None:
    decision = decide(LAYOUT, Facts(tenant_id=7, **facts), {})

    assert (decision.value, decision.source, decision.is_fixed, decision.is_wrong) == (value, source, is_fixed, False)


def test_the_policy_that_counts_is_told_with_its_reason() -> None:
    facts = Facts(tenant_id=7, **for_all(Mode.FORCE), **for_one(Mode.LOCK, None))

    decision = decide(LAYOUT, facts, {})

    assert (decision.mode, decision.is_own, decision.reason) == (Mode.LOCK, True, "because of you")


def test_a_flag_that_is_not_for_owners_does_not_hear_their_choice() -> None:
    decision = decide(HIDDEN, Facts(tenant_id=7, **CHOICE, **for_all(Mode.ALLOW, None)), {})

    assert (decision.value, decision.source, decision.is_fixed) == ("default", Source.DEFAULT, True)


@pytest.mark.parametrize("wrong", [True, 3, 1.5, None, ["all"], "unknown"])
def test_a_value_of_the_wrong_type_is_the_default_and_says_so(wrong: Any) -> None:
    decision = decide(LAYOUT, Facts(tenant_id=7, choices={"layout": wrong}), {})

    assert decision == Decision(value="default", source=Source.CHOICE, is_wrong=True, found=wrong)


def test_what_is_overruled_may_be_wrong() -> None:
    facts = Facts(tenant_id=7, choices={"layout": 3}, of_plan={"layout": False}, **for_all(Mode.FORCE))

    assert decide(LAYOUT, facts, {}).value == "all"


VALUES = st.sampled_from([*LAYOUT.choices, None])
WISHES = st.sampled_from([*LAYOUT.choices, 3, False])
POLICIES = st.dictionaries(st.just("layout"), st.builds(Policy, st.sampled_from(Mode), VALUES, st.text(max_size=5)))
FACTS = st.builds(
    Facts,
    tenant_id=st.integers(1, 2**31 - 1),
    choices=st.dictionaries(st.just("layout"), WISHES),
    of_plan=st.dictionaries(st.just("layout"), WISHES),
    own_policies=POLICIES,
    policies=POLICIES,
    rollouts=st.dictionaries(st.just("layout"), st.builds(Rollout, WISHES, st.integers(0, BUCKETS))),
)


@given(FACTS)
def test_whatever_is_kept_the_value_is_one_that_the_flag_accepts(facts: Facts) -> None:
    assert LAYOUT.accepts(decide(LAYOUT, facts, {}).value)


@given(FACTS)
def test_the_kill_switch_goes_before_all(facts: Facts) -> None:
    decision = decide(LAYOUT, facts, {"layout": "killed"})

    assert (decision.value, decision.source, decision.is_fixed) == ("killed", Source.KILLED, True)


@given(FACTS)
def test_a_choice_counts_exactly_when_nothing_fixes_the_flag(facts: Facts) -> None:
    decision = decide(LAYOUT, facts, {})
    policy = facts.own_policies.get("layout") or facts.policies.get("layout")

    assert decision.is_fixed == (policy is not None and policy.mode is not Mode.ALLOW)
    assert (decision.source is Source.CHOICE) == ("layout" in facts.choices and not decision.is_fixed)


@given(st.integers(1, 2**31 - 1), st.integers(0, BUCKETS), st.integers(0, BUCKETS))
def test_whom_a_share_reaches_every_larger_one_reaches(tenant_id: int, one: int, other: int) -> None:
    smaller, larger = sorted((one, other))

    assert not is_reached("layout", tenant_id, smaller) or is_reached("layout", tenant_id, larger)
    assert is_reached("layout", tenant_id, BUCKETS)
    assert not is_reached("layout", tenant_id, 0)


def test_a_share_reaches_about_that_many_and_others_for_another_flag() -> None:
    one = {number for number in range(10_000) if is_reached("shop.stock", number, 2_000)}
    other = {number for number in range(10_000) if is_reached("shop.sales", number, 2_000)}

    assert 1_850 < len(one) < 2_150
    assert 300 < len(one & other) < 500


def test_buckets_stay_where_they_are_from_version_to_version() -> None:
    assert [bucket("shop.home_layout", number) for number in (1, 2, 3)] == [9970, 7774, 9582]


@pytest.mark.parametrize("flag", FLAGS.values(), ids=FLAGS.keys())
def test_every_declared_flag_is_in_order(flag: Flag) -> None:
    assert flag.accepts(flag.default)
    assert flag.read(flag.write(flag.default)) == flag.default
    assert flag.title
    assert flag.description
    assert (flag.kind is Kind.NUMBER) == (flag.most > 0)
    assert (flag.kind is Kind.CHOICE) == bool(flag.choices)
    assert flag.is_module == flag.key.startswith("module.")
