"""Flags as both consoles show them: what their values and decisions are called, and what forms offer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct, structs

from admin_ui import words
from kameng.core import clock
from kameng.web.i18n import gettext
from tenants.toggles.decision import Decision, Facts, Mode, Policy, Source, decide
from tenants.toggles.flags import FLAGS, OFF, ON, Flag, Kind, Value


class Line(Struct, frozen=True, kw_only=True):
    """One flag at one station, in words. `code` is the value as forms carry it; `own` the station's own policy."""

    key: str
    title: str
    description: str
    kind: str
    is_module: bool
    code: str
    value: str
    why: str
    reason: str
    decision: Decision
    other: str = ""  # what switching it over would make it, where there is one other value
    without: str = ""  # what it would be without the station's choice
    options: Sequence[tuple[str, str]] = ()
    own: Policy | None = None


def line(flag: Flag, facts: Facts, killed: Mapping[str, Value]) -> Line:
    """The flag at the station that `facts` are about."""
    decision = decide(flag, facts, killed)
    bare = structs.replace(facts, choices={})
    return Line(
        key=flag.key,
        title=gettext(flag.title),
        description=gettext(flag.description),
        kind=str(flag.kind),
        is_module=flag.is_module,
        code=flag.write(decision.value),
        value=said(flag, decision.value),
        why=why(decision, facts.plan),
        reason=decision.reason,
        decision=decision,
        other=flag.write(not decision.value) if flag.kind is Kind.BOOLEAN else "",
        without=said(flag, decide(flag, bare, killed).value) if decision.source is Source.CHOICE else "",
        options=options(flag),
        own=facts.own_policies.get(flag.key),
    )


def fitting(lines: Iterable[Line], search: str) -> list[Line]:
    """Those whose name or key holds what is searched for."""
    sought = search.casefold()
    return [one for one in lines if sought in f"{one.title} {one.key} {one.description}".casefold()]


def said(flag: Flag, value: Any) -> str:
    """A value in the reader's words; one that the flag does not accept as it stands."""
    if value is None:
        return ""
    if not flag.accepts(value):
        return repr(value)
    if flag.kind is Kind.BOOLEAN:
        return gettext("On") if value else gettext("Off")
    return gettext(flag.choices[value]) if flag.kind is Kind.CHOICE else str(value)


def why(decision: Decision, plan: str) -> str:
    """Who decided, in one line."""
    if decision.is_wrong:
        return gettext("A value that does not fit is kept here, so the default holds: %(found)s", found=decision.found)
    if decision.source is Source.PLAN:
        by = gettext("By the plan %(plan)s", plan=plan)
    else:
        by = words.say("flag_source", str(decision.source))
    if decision.mode is None or decision.source is Source.KILLED:
        return by
    return f"{by} · {words.say('flag_mode', str(decision.mode))}"


def options(flag: Flag) -> list[tuple[str, str]]:
    """The values that can be chosen, for a select; a number has none."""
    if flag.kind is Kind.BOOLEAN:
        return [(ON, gettext("On")), (OFF, gettext("Off"))]
    return [(code, gettext(word)) for code, word in flag.choices.items()]


def modes() -> list[tuple[str, str]]:
    return [(str(mode), words.say("flag_mode", str(mode))) for mode in Mode]


def percent(share: int) -> str:
    """Hundredths of a percent: 1250 -> `12.5`."""
    return f"{share / 100:g}"


def today() -> date:
    return clock.now().date()


def sold_under(read: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The flags that a sale was decided on; one that code no longer knows under its key."""
    known = {key: FLAGS.get(key) for key in read}
    return [
        (gettext(flag.title), said(flag, read[key])) if flag else (key, str(read[key])) for key, flag in known.items()
    ]
