"""The features of all stations: what holds, for whom, why, and what it was before."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import features, records
from admin_ui.console.features import PathKey
from admin_ui.frame import AnyRequest, Chip, page
from admin_ui.master.flag_forms import DropForm, PlanForm, PolicyForm, RolloutForm, usual_reminder
from kameng.audit import queries as audit_queries
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.answers import render
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.paging import Wanted
from kameng.web.people import Staff
from tenants.registry.errors import StationGone
from tenants.toggles import queries, service, tasks
from tenants.toggles.decision import BUCKETS, Policy
from tenants.toggles.errors import FlagGone
from tenants.toggles.flags import FLAGS, Flag, flag_of
from tenants.toggles.queries import Kept, Started
from tenants.toggles.toggles import Toggles

STATIONS_SHOWN = 50
HISTORY = 20
GOVERNED, ROLLING, KILLED, PAST = "governed", "rolling", "killed", "past"
FILTERS = {
    GOVERNED: N_("With a policy"),
    ROLLING: N_("Being rolled out"),
    KILLED: N_("Killed"),
    PAST: N_("Past its date"),
}


class Summary(Struct, frozen=True, kw_only=True):
    """One line of the list. Counts are of stations, `plans` of plans."""

    flag: Flag
    title: str
    default: str
    for_all: str
    own_policies: int
    plans: int
    choices: int
    share: str
    marks: frozenset[str]


class FlagController(Controller):
    path = "/flags"

    @get("/", guards=[requires(Permission.POLICIES_READ)])
    async def listed(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], toggles: NamedDependency[Toggles]
    ) -> Template:
        asked = paging.wanted(request)
        async with runtime.database.master_session() as session:
            kept = await queries.kept(session)
            rollouts = await queries.rollouts(session)
            policies = await queries.policies(session)
        killed = toggles.kill_switch.values
        lines = [_summary(flag, kept, policies, rollouts, killed) for flag in FLAGS.values()]
        return page(
            request,
            "master/flags.html",
            lines=_fitting(lines, asked),
            filters=_filters(asked, lines),
            asked=asked,
            past=[one for one in lines if PAST in one.marks],
            switch=toggles.kill_switch,
            wrong=[one for one in kept if one.flag in FLAGS and _is_wrong(one)],
            old=sorted({one.flag for one in kept} - FLAGS.keys()),
        )

    @get("/{key:str}", guards=[requires(Permission.POLICIES_READ)])
    async def show(
        self,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
    ) -> Template:
        return await _detail(request, runtime, toggles, flag_of(key))

    @get("/{key:str}/reach", guards=[requires(Permission.POLICIES_READ)])
    async def reach(self, key: PathKey, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        flag, share = flag_of(key), _share(request.query_params.get("share", ""))
        async with runtime.database.master_session() as session:
            reach = await queries.reach(session, flag.key, share)
        return render("master/flag_reach.html", reach=reach, percent=features.percent(share))

    @post("/{key:str}/policy", guards=[requires(Permission.POLICIES_WRITE)])
    async def set_policy(
        self,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag = flag_of(key)
        try:
            sent = await forms.parse(request, PolicyForm)
            policy = sent.policy(flag)
            async with runtime.database.master_session() as session:
                tenant_id = await _station(session, sent.station) if sent.station else None
                await write_policy(session, staff, flag, policy, tenant_id)
        except (Invalid, StationGone) as error:
            form = await forms.again(request, error)
            return await _detail(request, runtime, toggles, flag, status=422, policy_form=form)
        await toggles.changed()
        answers.toast(request, gettext("The policy is live within two seconds."))
        return answers.redirect(request, f"/flags/{key}")

    @post("/{key:str}/policy/drop", guards=[requires(Permission.POLICIES_WRITE)])
    async def drop_policy(
        self,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag, sent = flag_of(key), await forms.parse(request, DropForm)
        async with runtime.database.master_session() as session:
            await erase_policy(session, staff, flag, sent.tenant_id)
        await toggles.changed()
        answers.toast(request, gettext("The policy is taken back."))
        return answers.redirect(request, f"/flags/{key}")

    @post("/{key:str}/plans", guards=[requires(Permission.POLICIES_WRITE)])
    async def of_plan(
        self,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag = flag_of(key)
        try:
            sent = await forms.parse(request, PlanForm)
            await write_plan_value(runtime, staff, flag, sent)
        except Invalid as error:
            form = await forms.again(request, error)
            return await _detail(request, runtime, toggles, flag, status=422, plan_form=form)
        await toggles.changed()
        answers.toast(request, gettext("The plan is changed. It is live within two seconds."))
        return answers.redirect(request, f"/flags/{key}")

    @post("/{key:str}/rollout", guards=[requires(Permission.POLICIES_WRITE)])
    async def roll_out(
        self,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag = flag_of(key)
        try:
            sent = await forms.parse(request, RolloutForm)
            value = flag.read(sent.rollout_value, "rollout_value")
            sent.check()
        except Invalid as error:
            form = await forms.again(request, error)
            return await _detail(request, runtime, toggles, flag, status=422, rollout_form=form)
        async with runtime.database.master_session() as session:
            before = await service.set_rollout(session, flag, value, sent.buckets, sent.remind_on)
            detail = {
                "from": _told(flag, before),
                "to": flag.write(value),
                "share": features.percent(sent.buckets),
                "remind_on": sent.remind_on.isoformat(),
            }
            await audit.record(session, staff.name, "flags.rollout", key, detail, staff.address)
        await toggles.changed()
        answers.toast(request, gettext("The roll-out is live within two seconds."))
        return answers.redirect(request, f"/flags/{key}")

    @post("/{key:str}/rollout/stop", guards=[requires(Permission.POLICIES_WRITE)])
    async def stop(
        self,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag = flag_of(key)
        async with runtime.database.master_session() as session:
            before = await service.drop_rollout(session, flag)
            if before is not None:
                detail = {"from": _told(flag, before)}
                await audit.record(session, staff.name, "flags.rollout_stop", key, detail, staff.address)
        await toggles.changed()
        answers.toast(request, gettext("The roll-out is over; the default holds."))
        return answers.redirect(request, f"/flags/{key}")

    @post("/{key:str}/forget", guards=[requires(Permission.POLICIES_WRITE)])
    async def forget(
        self, key: PathKey, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        if key in FLAGS:
            raise FlagGone
        async with runtime.database.master_session() as session:
            await service.forget(session, key)
            await audit.record(session, staff.name, "flags.forget", key, {}, staff.address)
        answers.toast(request, gettext("Nothing is kept of it any more."))
        return answers.redirect(request, "/flags")


async def write_policy(session: AsyncSession, by: Staff, flag: Flag, policy: Policy, tenant_id: int | None) -> None:
    """Sets a policy and writes it down."""
    before = await service.set_policy(session, flag, policy, tenant_id)
    detail = {
        "from": _in_short(flag, before),
        "to": _in_short(flag, policy),
        "reason": policy.reason,
        "station": tenant_id or "",
    }
    await audit.record(session, by.name, "flags.policy", flag.key, detail, by.address)


async def erase_policy(session: AsyncSession, by: Staff, flag: Flag, tenant_id: int | None) -> None:
    """Takes a policy back, if there is one, and writes it down."""
    before = await service.drop_policy(session, flag, tenant_id)
    if before is not None:
        detail = {"from": _in_short(flag, before), "station": tenant_id or ""}
        await audit.record(session, by.name, "flags.policy_drop", flag.key, detail, by.address)


async def write_plan_value(runtime: Runtime, by: Staff, flag: Flag, sent: PlanForm) -> None:
    """Changes what a plan says and writes it down. Raises `Invalid`."""
    value = flag.read(sent.plan_value, "plan_value") if sent.plan_value else None
    async with runtime.database.master_session() as session:
        plan = await queries.plan(session, sent.plan_id)
        if plan is None:
            raise Invalid({"plan_id": N_("Choose one of the list.")})
        before = await service.set_plan_value(session, flag, sent.plan_id, value)
        detail = {"plan": plan.name, "from": flag.write(before), "to": flag.write(value)}
        await audit.record(session, by.name, "flags.plan", flag.key, detail, by.address)


async def _detail(
    request: AnyRequest,
    runtime: Runtime,
    toggles: Toggles,
    flag: Flag,
    status: int = 200,
    policy_form: Form | None = None,
    plan_form: Form | None = None,
    rollout_form: Form | None = None,
) -> Template:
    """A feature's page, with a form that was refused."""
    asked = paging.wanted(request)
    async with runtime.database.master_session() as session:
        policy = await queries.policy(session, flag.key)
        rollout = (await queries.rollouts(session)).get(flag.key)
        share = rollout.share if rollout else 0
        own = await queries.own_policies(
            session, flag.key, asked.search, paging.like(asked.search), limit=STATIONS_SHOWN + 1
        )
        plans = await queries.plan_values(session, flag.key)
        reach = await queries.reach(session, flag.key, share)
        kept = [one for one in await queries.kept(session) if one.flag == flag.key and one.place == "choice"]
        history = await audit_queries.recent(session, audit_queries.Search(subject=flag.key), limit=HISTORY)
    return page(
        request,
        "master/flag.html",
        status=status,
        flag=flag,
        said=features.said,
        value_options=features.options(flag),
        modes=features.modes(),
        policy=policy,
        own=own[:STATIONS_SHOWN],
        has_more=len(own) > STATIONS_SHOWN,
        asked=asked,
        plans=plans,
        rollout=rollout,
        reach=reach,
        percent=features.percent(share),
        remind_on=(rollout.remind_on if rollout else usual_reminder()).isoformat(),
        is_past=tasks.is_past(flag, rollout, features.today()),
        choices=kept,
        killed=toggles.kill_switch.values.get(flag.key),
        history=[one for one in history if one.subject == flag.key],
        told=records.told,
        policy_form=policy_form or _filled(flag, policy),
        plan_form=plan_form,
        rollout_form=rollout_form,
    )


def _filled(flag: Flag, policy: Policy | None) -> Form | None:
    """The form with the policy that stands for all."""
    if policy is None:
        return None
    return Form({"mode": str(policy.mode), "value": flag.write(policy.value), "reason": policy.reason})


def _summary(
    flag: Flag, kept: Sequence[Kept], policies: dict[str, Policy], rollouts: dict[str, Started], killed: Any
) -> Summary:
    policy, rollout = policies.get(flag.key), rollouts.get(flag.key)
    counts = {place: sum(one.rows for one in kept if (one.flag, one.place) == (flag.key, place)) for place in PLACES}
    own = sum(one.stations for one in kept if (one.flag, one.place) == (flag.key, "policy"))
    marks = {
        GOVERNED: policy is not None or own > 0,
        ROLLING: rollout is not None and rollout.share < BUCKETS,
        KILLED: flag.key in killed,
        PAST: tasks.is_past(flag, rollout, features.today()),
    }
    return Summary(
        flag=flag,
        title=gettext(flag.title),
        default=features.said(flag, flag.default),
        for_all=_in_words(flag, policy),
        own_policies=own,
        plans=counts["plan"],
        choices=counts["choice"],
        share=features.percent(rollout.share) if rollout else "",
        marks=frozenset(mark for mark, holds in marks.items() if holds),
    )


PLACES = ("policy", "plan", "rollout", "choice")


def _fitting(lines: list[Summary], asked: Wanted) -> list[Summary]:
    sought, mark = asked.search.casefold(), asked.get("state")
    return [
        one
        for one in lines
        if sought in f"{one.title} {one.flag.key}".casefold() and (mark not in FILTERS or mark in one.marks)
    ]


def _filters(asked: Wanted, lines: list[Summary]) -> list[Chip]:
    kept = paging.Page[None](items=[], total=0, page=1, size=1, path=asked.path, query=asked.query)
    chosen = asked.get("state")
    counts = {mark: sum(mark in one.marks for one in lines) for mark in FILTERS}
    return [
        Chip(gettext("All"), kept.url_with(state=""), chosen not in FILTERS, len(lines)),
        *(
            Chip(gettext(word), kept.url_with(state=mark), chosen == mark, counts[mark])
            for mark, word in FILTERS.items()
        ),
    ]


def _is_wrong(kept: Kept) -> bool:
    return kept.value is not None and not FLAGS[kept.flag].accepts(kept.value)


def _in_words(flag: Flag, policy: Policy | None) -> str:
    if policy is None:
        return ""
    mode = dict(features.modes())[str(policy.mode)]
    return mode if policy.value is None else f"{mode}: {features.said(flag, policy.value)}"


def _in_short(flag: Flag, policy: Policy | None) -> str:
    """For the audit log: `lock off`, `allow`, or nothing."""
    return f"{policy.mode} {flag.write(policy.value)}".strip() if policy else ""


def _told(flag: Flag, rollout: Started | None) -> str:
    return f"{flag.write(rollout.value)} {features.percent(rollout.share)}" if rollout else ""


async def _station(session: AsyncSession, slug: str) -> int:
    """Raises `StationGone` at the field."""
    found = await queries.station(session, slug)
    if found is None:
        raise StationGone(field="station")
    return found.id


def _share(percent: str) -> int:
    """What a slider sends; nonsense is nothing."""
    try:
        asked = Decimal(percent) if len(percent) < 10 else Decimal(0)
    except InvalidOperation:
        return 0
    return int(min(max(asked, Decimal(0)), Decimal(100)) * 100) if asked.is_finite() else 0
