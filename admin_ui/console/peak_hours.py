"""When many people write, when nobody is there, and what a template says then."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import charts
from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra import wording
from kameng.infra.tenancy import Tenant
from kameng.infra.wording import BadWording
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error, reader
from kameng.web.people import Staff
from tenants.aftersale import facts, hours, settings
from tenants.aftersale.service import LONGEST_ANSWER
from tenants.aftersale.settings import Answering, Peaks, Schedule
from tenants.toggles import flags

PATH = "/console/peak-hours"
DAYS = range(hours.DAYS)
TEMPLATES = ("peak_text", "off_text")
Said = Annotated[str, Meta(max_length=LONGEST_ANSWER, extra={"lines": True})]
Hours = Annotated[str, Meta(max_length=100)]


class HoursForm(Struct, frozen=True, kw_only=True):
    """The settings as people write them; `peak_0` is Monday."""

    answer_hours: Annotated[int, Meta(ge=1, le=168)]
    close_days: Annotated[int, Meta(ge=1, le=60)]
    peaks: Peaks = "off"
    peak_0: Hours = ""
    peak_1: Hours = ""
    peak_2: Hours = ""
    peak_3: Hours = ""
    peak_4: Hours = ""
    peak_5: Hours = ""
    peak_6: Hours = ""
    peak_text: Said = ""
    work_0: Hours = ""
    work_1: Hours = ""
    work_2: Hours = ""
    work_3: Hours = ""
    work_4: Hours = ""
    work_5: Hours = ""
    work_6: Hours = ""
    off_hours: bool = False
    off_text: Said = ""

    def answering(self) -> Answering:
        """The settings, their hours written as we write them. Raises `Invalid`, `BadWording`."""
        peaks = hours.read([getattr(self, f"peak_{day}") for day in DAYS], "peak")
        work = hours.read([getattr(self, f"work_{day}") for day in DAYS], "work")
        if self.peaks == "by_hand" and not peaks:
            raise Invalid({"peak_0": "Write the peak hours of at least one day."})
        if self.off_hours and not work:
            raise Invalid({"work_0": "Write when somebody is there: outside of these hours the template answers."})
        self._check("peak_text", self.peaks != "off")
        self._check("off_text", self.off_hours)
        return Answering(
            answer_minutes=self.answer_hours * 60,
            close_days=self.close_days,
            peaks=self.peaks,
            peak_days=hours.write(peaks),
            peak_text=self.peak_text,
            work_days=hours.write(work),
            off_hours=self.off_hours,
            off_text=self.off_text,
        )

    def _check(self, field: str, is_used: bool) -> None:
        said = getattr(self, field)
        if is_used and not said:
            raise Invalid({field: "Write what is answered."})
        wording.check(said, facts.VARIABLES.keys(), limit=LONGEST_ANSWER, field=field)


class PreviewForm(Struct, frozen=True):
    """One of the two templates, as it stands in the form."""

    peak_text: Said = ""
    off_text: Said = ""


class PeakHoursController(Controller):
    path = PATH
    opt = flags.TICKETS.opt
    guards = [requires(Permission.AUTOMATION_WRITE)]  # noqa: RUF012 - Litestar reads it from the class

    @get("/")
    async def show(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            plan = await settings.schedule(session)
        return _page(request, plan, _filled(plan.answering))

    @post("/")
    async def save(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            wanted = (await forms.parse(request, HoursForm)).answering()
            async with tenant.begin() as session:
                before = (await settings.schedule(session, lock=True)).answering
                await settings.save(session, wanted)
                if wanted.peaks == "detected":
                    await settings.count_heat(session, tenant.time_zone)
                await audit.record(
                    session, staff.name, "tickets.hours", "", None, staff.address, before=_told(before),
                    after=_told(wanted),
                )  # fmt: skip
        except (Invalid, BadWording) as error:
            async with tenant.begin() as session:
                plan = await settings.schedule(session)
            return _page(request, plan, await forms.again(request, error), status=422)
        answers.toast(request, gettext("Saved. It holds for the next message."))
        return answers.redirect(request, PATH)

    @post("/count")
    async def count(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        """Counts the last four weeks anew."""
        async with tenant.begin() as session:
            await settings.count_heat(session, tenant.time_zone)
            await audit.record(session, staff.name, "tickets.count_hours", "", address=staff.address)
        answers.toast(request, gettext("The last four weeks are counted."))
        return answers.redirect(request, PATH)

    @post([f"/preview/{field}" for field in TEMPLATES])
    async def preview(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        """What a template says of a sample order, or what is wrong with it."""
        field = request.scope["path"].rpartition("/")[2]
        try:
            said = getattr(await forms.parse(request, PreviewForm), field)
            shown, wrong = wording.render(said, facts.sample(tenant), limit=LONGEST_ANSWER, field=field), ""
        except BadWording as bad:
            shown, wrong = "", of_error(bad)
        except Invalid as bad:
            shown, wrong = "", next(iter(bad.errors.values()))
        return answers.render("console/parts/wording_preview.html", shown=shown, wrong=wrong)


def _page(request: AnyRequest, plan: Schedule, form: Form, status: int = 200) -> Template:
    found = hours.peaks(dict(plan.heat))
    now = clock.now()
    return page(
        request,
        "console/peak_hours.html",
        status=status,
        form=form,
        plan=plan,
        days=day_names(),
        found=hours.write(found),
        window=plan.window(now, reader().zone),
        chart_option=charts.week_heat(plan.heat, day_names()),
        variables=facts.VARIABLES,
        longest=LONGEST_ANSWER,
        weeks=hours.WEEKS,
    )


def day_names() -> list[str]:
    """Monday to Sunday."""
    return [
        gettext("Monday"),
        gettext("Tuesday"),
        gettext("Wednesday"),
        gettext("Thursday"),
        gettext("Friday"),
        gettext("Saturday"),
        gettext("Sunday"),
    ]


def _filled(answering: Answering) -> Form:
    values = {
        "answer_hours": str(max(1, round(answering.answer_minutes / 60))),
        "close_days": str(answering.close_days),
        "peaks": answering.peaks,
        "peak_text": answering.peak_text or settings.first_peak_text(),
        "off_hours": "yes" if answering.off_hours else "",
        "off_text": answering.off_text or settings.first_off_text(),
    }
    for day in DAYS:
        values[f"peak_{day}"] = answering.peak_days[day]
        values[f"work_{day}"] = answering.work_days[day]
    return Form(values)


def _told(answering: Answering) -> dict[str, object]:
    return {
        "answer_minutes": answering.answer_minutes,
        "close_days": answering.close_days,
        "peaks": answering.peaks,
        "peak_days": list(answering.peak_days),
        "peak_text": answering.peak_text,
        "work_days": list(answering.work_days),
        "off_hours": answering.off_hours,
        "off_text": answering.off_text,
    }
