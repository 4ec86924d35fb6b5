"""Which value a flag has at a station, and why. Pure: all that counts is in the arguments.

    default < roll-out < plan < the master's policy < the station's choice < kill switch

A policy of the station's own stands in the place of the one for all. It may give a value, and it says whether the
station's choice counts: `force` and `lock` leave it out, `allow` lets it in. A choice also needs a flag that is for
owners. Whatever is decided on must be a value that the flag accepts; else the default holds and the decision is wrong.
"""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any

from msgspec import Struct

from tenants.toggles.flags import Flag, Value

BUCKETS = 10_000  # a share is counted in hundredths of a percent


class Mode(StrEnum):
    FORCE = "force"
    LOCK = "lock"
    ALLOW = "allow"


class Source(StrEnum):
    """Who gave the value."""

    DEFAULT = "default"
    ROLLOUT = "rollout"
    PLAN = "plan"
    POLICY = "policy"
    CHOICE = "choice"
    KILLED = "killed"


class Policy(Struct, frozen=True):
    """What the master says of a flag. A value comes as the database has it, of whatever type; None is no value."""

    mode: Mode
    value: Any = None
    reason: str = ""


class Rollout(Struct, frozen=True):
    value: Any
    share: int  # of BUCKETS


class Facts(Struct, frozen=True, kw_only=True):
    """All that the database holds about the flags of one station, by the flag's key."""

    tenant_id: int
    plan_id: int | None = None
    plan: str = ""
    choices: Mapping[str, Any] = {}
    of_plan: Mapping[str, Any] = {}
    own_policies: Mapping[str, Policy] = {}
    policies: Mapping[str, Policy] = {}
    rollouts: Mapping[str, Rollout] = {}


class Decision(Struct, frozen=True, kw_only=True):
    """`mode` is that of the policy that counts, if any; `is_own` whether it is this station's own. `found` is the value
    that was not accepted when `is_wrong`."""

    value: Value
    source: Source
    mode: Mode | None = None
    is_own: bool = False
    reason: str = ""
    is_fixed: bool = False
    is_wrong: bool = False
    found: Any = None


def decide(flag: Flag, facts: Facts, killed: Mapping[str, Value]) -> Decision:
    """The value of `flag` at the station that `facts` are about; `killed` is what the kill switch says."""
    if flag.key in killed:
        return Decision(value=killed[flag.key], source=Source.KILLED, is_fixed=True)
    own = facts.own_policies.get(flag.key)
    policy = own or facts.policies.get(flag.key)
    is_fixed = not flag.for_owner or (policy is not None and policy.mode is not Mode.ALLOW)
    source, value = _given(flag, facts, policy, is_fixed=is_fixed)
    is_wrong = not flag.accepts(value)
    return Decision(
        value=flag.default if is_wrong else value,
        source=source,
        mode=policy.mode if policy else None,
        is_own=own is not None,
        reason=policy.reason if policy else "",
        is_fixed=is_fixed,
        is_wrong=is_wrong,
        found=value if is_wrong else None,
    )


def _given(flag: Flag, facts: Facts, policy: Policy | None, *, is_fixed: bool) -> tuple[Source, Any]:
    if not is_fixed and flag.key in facts.choices:
        return Source.CHOICE, facts.choices[flag.key]
    if policy is not None and policy.value is not None:
        return Source.POLICY, policy.value
    if flag.key in facts.of_plan:
        return Source.PLAN, facts.of_plan[flag.key]
    rollout = facts.rollouts.get(flag.key)
    if rollout is not None and is_reached(flag.key, facts.tenant_id, rollout.share):
        return Source.ROLLOUT, rollout.value
    return Source.DEFAULT, flag.default


def is_reached(key: str, tenant_id: int, share: int) -> bool:
    """Whether a roll-out to `share` reaches the station. Whom a share has reached, every larger one reaches."""
    return bucket(key, tenant_id) < share


def bucket(key: str, tenant_id: int) -> int:
    """From 0 to 9,999, evenly, and anew for each flag. `queries.REACH` says the same in SQL."""
    return int.from_bytes(sha256(f"{key}:{tenant_id}".encode()).digest()[:4]) % BUCKETS
