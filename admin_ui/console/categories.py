"""The tree of categories: adding, renaming, moving, hiding, deleting."""

from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.shop import categories
from tenants.shop.categories import CategoryDraft, Tree
from tenants.shop.errors import CategoryFull, CategoryGone, TooDeep, TooManyCategories, WithinItself
from tenants.toggles import flags

PATH = "/console/categories"
WRONG = (Invalid, CategoryFull, TooDeep, TooManyCategories, WithinItself)
READS, WRITES = [requires(Permission.PRODUCTS_READ)], [requires(Permission.PRODUCTS_WRITE)]
Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class CategoryForm(Struct, frozen=True, kw_only=True):
    """`shown` is a checkbox."""

    name: Annotated[str, Meta(min_length=1, max_length=30)]
    parent_id: Number | None = None
    icon: Annotated[str, Meta(max_length=30)] = ""
    shown: bool = False

    def draft(self) -> CategoryDraft:
        state: Literal["shown", "hidden"] = "shown" if self.shown else "hidden"
        return CategoryDraft(name=self.name, parent_id=self.parent_id, icon=self.icon, state=state)


class Move(Struct, frozen=True):
    """One place up, or else down."""

    up: bool = False


class Deletion(Struct, frozen=True):
    """Where what stands in it goes; nowhere, unless `move_first`."""

    to: Number | None = None
    move_first: bool = False


class CategoryController(Controller):
    path = PATH
    opt = flags.CATEGORIES.opt

    @get("/", guards=READS)
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _page(request, tenant)

    @post("/", guards=WRITES)
    async def add(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, CategoryForm)).draft()
            async with tenant.begin() as session:
                made = await categories.add(session, draft)
                detail = {"name": draft.name, "parent": draft.parent_id, "state": draft.state}
                await audit.record(session, staff.name, "categories.add", str(made.id), detail, staff.address)
        except (*WRONG, CategoryGone) as error:
            return await _page(request, tenant, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The category is added."))
        return answers.redirect(request, PATH)

    @get("/{category_id:int}", guards=READS)
    async def show(self, category_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _one(request, tenant, category_id)

    @post("/{category_id:int}", guards=WRITES)
    async def change(
        self,
        category_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, CategoryForm)).draft()
            async with tenant.begin() as session:
                before = (await categories.tree(session)).node(category_id)
                detail = {
                    "from": {"name": before.name, "parent": before.parent_id, "state": before.state},
                    "to": {"name": draft.name, "parent": draft.parent_id, "state": draft.state},
                }
                await categories.change(session, category_id, draft)
                await audit.record(session, staff.name, "categories.change", str(category_id), detail, staff.address)
        except WRONG as error:
            return await _one(request, tenant, category_id, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The category is saved."))
        return answers.redirect(request, PATH)

    @post("/{category_id:int}/move", guards=WRITES)
    async def move(
        self,
        category_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        wanted = await forms.parse(request, Move)
        async with tenant.begin() as session:
            moved = await categories.move(session, category_id, up=wanted.up)
            detail = {"name": moved.name, "up": wanted.up}
            await audit.record(session, staff.name, "categories.move", str(category_id), detail, staff.address)
        return answers.redirect(request, PATH)

    @post("/{category_id:int}/delete", guards=WRITES)
    async def delete(
        self,
        category_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            wanted = await forms.parse(request, Deletion)
            async with tenant.begin() as session:
                name = await categories.delete(session, category_id, to=wanted.to, move_first=wanted.move_first)
                detail = {"name": name, "to": wanted.to} if wanted.move_first else {"name": name}
                await audit.record(session, staff.name, "categories.delete", str(category_id), detail, staff.address)
        except WRONG as error:
            return await _one(request, tenant, category_id, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The category is deleted."))
        return answers.redirect(request, PATH)


async def _page(request: AnyRequest, tenant: Tenant, form: Form | None = None, status: int = 200) -> Template:
    async with tenant.begin() as session:
        tree = await categories.tree(session)
        counts = await categories.counts(session)
    return page(
        request,
        "console/categories.html",
        status=status,
        tree=tree,
        counts=counts,
        below={node.id: sum(counts.get(one, 0) for one in tree.within(node.id)) for node in tree.nodes},
        form=form,
        parents=_parents(tree),
        icons=_icons(),
    )


async def _one(
    request: AnyRequest, tenant: Tenant, category_id: int, form: Form | None = None, status: int = 200
) -> Template:
    async with tenant.begin() as session:
        tree = await categories.tree(session)
        counts = await categories.counts(session)
    node = tree.node(category_id)
    shown = {
        "name": node.name,
        "parent_id": str(node.parent_id or ""),
        "icon": node.icon,
        "shown": "yes" if node.state == "shown" else "",
    }
    held = Form(shown | form.values, form.errors) if form else Form(shown)
    return page(
        request,
        "console/category.html",
        status=status,
        node=node,
        form=held,
        products=counts.get(category_id, 0),
        children=tree.children(category_id),
        parents=_parents(tree, without=tree.within(category_id)),
        targets=categories.options(tree, gettext("No category"), tree.within(category_id)),
        icons=_icons(),
    )


def _parents(tree: Tree, without: list[int] | None = None) -> list[tuple[str, str]]:
    full = [node.id for node in tree.nodes if node.level >= categories.MOST_LEVELS]
    return categories.options(tree, gettext("On the top"), [*full, *(without or [])])


def _icons() -> list[tuple[str, str]]:
    return [(code, gettext(word)) for code, word in categories.ICONS.items()]
