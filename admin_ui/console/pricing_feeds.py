"""Feeds: where competitors' prices come from, how they fare, and which product each article is."""

from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import words
from admin_ui.console import pricing_words
from admin_ui.fields import Confirmed, Switch, check_web_address
from admin_ui.frame import AnyRequest, Chip, PathId, page
from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.pricing import feed_queries, feeds, matching, queries
from tenants.pricing.errors import TooManyFeeds
from tenants.pricing.feed_queries import Feed
from tenants.pricing.feeds import FeedDraft
from tenants.pricing.readers import Options
from tenants.toggles import flags

PAGE = "/console/pricing/feeds"
WRONG = (Invalid, TooManyFeeds)
ASKS = Limit(name="feed_asks", attempts=20, per_s=60, fails_open=True)  # each asks other people's servers
MOST_CHOICES = 2_000  # products to choose from beside each article
PER_PAGE = 30
Way = Annotated[str, Meta(max_length=100)]


class FeedForm(Struct, frozen=True, kw_only=True):
    """What counts of the columns and ways depends on `kind`."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    kind: Literal["acg", "csv", "json"]
    url: Annotated[str, Meta(min_length=1, max_length=500)]
    every_minutes: Annotated[int, Meta(ge=5, le=1440)] = 30
    member: bool = False
    items: Way = ""
    article: Way = "id"
    title: Way = "name"
    price: Way = "price"
    in_cents: bool = False

    def draft(self) -> FeedDraft:
        """Raises `Invalid`."""
        check_web_address(self.url, "url")
        options = Options(
            items=self.items,
            article=self.article,
            name=self.title,
            price=self.price,
            in_cents=self.in_cents,
            member=self.member,
        )
        return FeedDraft(
            name=self.name, kind=self.kind, url=self.url, every_minutes=self.every_minutes, options=options
        )


class Matching(Struct, frozen=True):
    """The product that an article is; 0: none."""

    product_id: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


class PricingFeedController(Controller):
    path = PAGE
    opt = flags.PRICING.opt

    @get("/", guards=[requires(Permission.PRICING_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            found = await feed_queries.feeds(session)
        now = clock.now()
        return page(
            request,
            "console/pricing_feeds.html",
            feeds=found,
            health=lambda one: one.health(now),
            trouble=pricing_words.trouble,
        )

    @get("/new", guards=[requires(Permission.PRICING_WRITE)])
    async def blank(self, request: AnyRequest) -> Template:
        values = {"kind": "acg", "every_minutes": "30", "article": "id", "title": "name", "price": "price"}
        return _form(request, Form(values=values))

    @post("/", guards=[requires(Permission.PRICING_WRITE)])
    async def add(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        await ratelimit.take(runtime.redis, (ASKS, str(tenant.id)))
        try:
            draft = (await forms.parse(request, FeedForm)).draft()
            async with tenant.begin() as session:
                feed_id = await feeds.add(session, draft)
                detail = {"name": draft.name, "kind": draft.kind}
                await audit.record(session, staff.name, "pricing.feed_add", str(feed_id), detail, staff.address)
        except WRONG as error:
            return _form(request, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The feed is saved and is being asked now."))
        return answers.redirect(request, f"{PAGE}/{feed_id}")

    @get("/{feed_id:int}", guards=[requires(Permission.PRICING_READ)])
    async def show(self, feed_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request, size=PER_PAGE)
        state = asked.get("state") if asked.get("state") in ("matched", "open", "rejected") else ""
        values = {"feed": feed_id, "words": asked.search, "pattern": paging.like(asked.search), "state": state}
        async with tenant.begin() as session:
            feed = await feed_queries.feed(session, feed_id)
            found = await paging.of_sql(session, feed_queries.ARTICLES, values, asked)
            products = [(one.id, one.name) for one in await queries.products(session, everything=True)]
        now = clock.now()
        suggested = {
            row.id: matching.suggest(row.name, products[:MOST_CHOICES]) for row in found.items if row.product_id is None
        }
        return page(
            request,
            "console/pricing_feed.html",
            feed=feed,
            health=feed.health(now),
            trouble=pricing_words.trouble(feed),
            found=found,
            asked=asked,
            filters=_chips(asked, state, feed),
            products=[("", gettext("No product of mine")), *products[:MOST_CHOICES]],
            suggested=suggested,
        )

    @get("/{feed_id:int}/edit", guards=[requires(Permission.PRICING_WRITE)])
    async def edit(self, feed_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            feed = await feed_queries.feed(session, feed_id)
        return _form(request, _filled(feed), feed)

    @post("/{feed_id:int}", guards=[requires(Permission.PRICING_WRITE)])
    async def change(
        self,
        feed_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        await ratelimit.take(runtime.redis, (ASKS, str(tenant.id)))
        async with tenant.begin() as session:
            before = await feed_queries.feed(session, feed_id)
        try:
            draft = (await forms.parse(request, FeedForm)).draft()
            async with tenant.begin() as session:
                await feeds.change(session, feed_id, draft)
                detail = {"name": draft.name, "kind": draft.kind}
                await audit.record(session, staff.name, "pricing.feed_change", str(feed_id), detail, staff.address)
        except WRONG as error:
            return _form(request, await forms.again(request, error), before, status=422)
        answers.toast(request, gettext("The feed is saved and is being asked now."))
        return answers.redirect(request, f"{PAGE}/{feed_id}")

    @post("/{feed_id:int}/ask", guards=[requires(Permission.PRICING_WRITE)])
    async def ask(
        self,
        feed_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        await ratelimit.take(runtime.redis, (ASKS, str(tenant.id)))
        async with tenant.begin() as session:
            await feeds.ask_now(session, feed_id)
            await audit.record(session, staff.name, "pricing.feed_ask", str(feed_id), address=staff.address)
        answers.toast(request, gettext("The feed is being asked. Load the page again in a moment."), "info")
        return answers.redirect(request, f"{PAGE}/{feed_id}")

    @post("/{feed_id:int}/pause", guards=[requires(Permission.PRICING_WRITE)])
    async def pause(
        self, feed_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        wanted = (await forms.parse(request, Switch)).paused
        async with tenant.begin() as session:
            feed = await feeds.pause(session, feed_id, paused=wanted)
            action = "pricing.feed_pause" if wanted else "pricing.feed_resume"
            await audit.record(session, staff.name, action, str(feed_id), {"name": feed.name}, staff.address)
        answers.toast(request, gettext("The feed is paused.") if wanted else gettext("The feed is asked again."))
        return answers.redirect(request, f"{PAGE}/{feed_id}")

    @post("/{feed_id:int}/remove", guards=[requires(Permission.PRICING_WRITE)])
    async def remove(
        self, feed_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        await forms.parse(request, Confirmed)
        async with tenant.begin() as session:
            feed = await feeds.remove(session, feed_id)
            await audit.record(
                session, staff.name, "pricing.feed_remove", str(feed_id), {"name": feed.name}, staff.address
            )
        answers.toast(request, gettext("The feed and what came from it are deleted."))
        return answers.redirect(request, PAGE)

    @post("/articles/{article_id:int}/match", guards=[requires(Permission.PRICING_WRITE)])
    async def match(
        self, article_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        wanted = (await forms.parse(request, Matching)).product_id
        async with tenant.begin() as session:
            article = await feeds.match(session, article_id, wanted or None)
            detail = {"name": article.name, "product": wanted}
            await audit.record(session, staff.name, "pricing.match", str(article_id), detail, staff.address)
        said = (
            gettext("Matched. Its price counts from the next capture on.") if wanted else gettext("It is no match now.")
        )
        answers.toast(request, said)
        return answers.redirect(request, f"{PAGE}/{article.feed_id}")

    @post("/articles/{article_id:int}/believe", guards=[requires(Permission.PRICING_WRITE)])
    async def believe(
        self, article_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        async with tenant.begin() as session:
            article = await feeds.believe(session, article_id, clock.now())
            detail = {"name": article.name, "price": str(article.asked)}
            await audit.record(session, staff.name, "pricing.believe", str(article_id), detail, staff.address)
        answers.toast(request, gettext("The price counts from now on."))
        return answers.redirect(request, f"{PAGE}/{article.feed_id}")


def _form(request: AnyRequest, form: Form, feed: Feed | None = None, status: int = 200) -> Template:
    kinds = [(kind, words.say("feed_kind", kind)) for kind in ("acg", "csv", "json")]
    return page(request, "console/pricing_feed_form.html", status=status, form=form, feed=feed, kinds=kinds)


def _filled(feed: Feed) -> Form:
    options = feed.options
    values = {
        "name": feed.name, "kind": feed.kind, "url": feed.url, "every_minutes": str(feed.every_minutes),
        "items": options.items, "article": options.article, "title": options.name, "price": options.price,
    }  # fmt: skip
    switches = {"member": options.member, "in_cents": options.in_cents}
    return Form(values=values | {name: "yes" for name, on in switches.items() if on})


def _chips(asked: paging.Wanted, state: str, feed: Feed) -> list[Chip]:
    at = paging.Page[None](items=[], total=0, page=1, size=1, path=asked.path, query=asked.query)
    return [
        Chip(gettext("All"), at.url_with(state=""), not state, feed.articles),
        Chip(gettext("Matched"), at.url_with(state="matched"), state == "matched", feed.matched),
        Chip(gettext("Not matched"), at.url_with(state="open"), state == "open", feed.articles - feed.matched),
        Chip(gettext("Not believed"), at.url_with(state="rejected"), state == "rejected", feed.rejected),
    ]
