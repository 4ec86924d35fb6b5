"""Lists in pages."""

from urllib.parse import parse_qsl

from litestar.testing import RequestFactory
from sqlalchemy import column, func, select, text

from kameng.infra.runtime import Runtime
from kameng.web import paging
from kameng.web.paging import Wanted

ROWS = "SELECT n FROM generate_series(1, :last) n WHERE CAST(n AS text) LIKE :like ORDER BY n"


def asked(address: str) -> Wanted:
    path, _, query = address.partition("?")
    sent: dict[str, str | list[str]] = dict(parse_qsl(query, keep_blank_values=True))
    return paging.wanted(RequestFactory().get(path, query_params=sent))


def test_nonsense_in_the_address_counts_as_absent() -> None:
    for page in ("0", "-1", "x", "1e9", "９", "", "99999999999"):
        assert asked(f"/orders?page={page}").page == 1
    assert asked("/orders?page=3&q=abc&state=paid&empty=").query == {"q": "abc", "state": "paid"}
    assert len(asked(f"/orders?q={'x' * 500}").search) == 100


async def test_a_page_knows_its_neighbours(runtime: Runtime) -> None:
    async with runtime.database.master_session() as session:
        page = await paging.of_sql(session, ROWS, {"last": 45, "like": "%"}, asked("/orders?page=2&state=paid"))

    assert [row.n for row in page.items] == list(range(21, 41))
    assert (page.total, page.pages, page.page) == (45, 3, 2)
    assert page.url(3) == "/orders?state=paid&page=3"
    assert page.url(1) == "/orders?state=paid"
    assert page.url_with(state="", q="a b") == "/orders?q=a+b"


async def test_beyond_the_end_is_the_last_page(runtime: Runtime) -> None:
    numbers = func.generate_series(1, 45).table_valued(column("n")).render_derived()
    async with runtime.database.master_session() as session:
        page = await paging.of_select(session, select(numbers.c.n).order_by("n"), asked("/orders?page=9"))
        empty = await paging.of_sql(session, ROWS, {"last": 0, "like": "%"}, asked("/orders?page=9"))

    assert page.map(lambda row: row.n).items == [41, 42, 43, 44, 45]
    assert (empty.items, empty.total, empty.page, empty.pages) == ([], 0, 1, 1)


async def test_a_search_takes_signs_as_they_are(runtime: Runtime) -> None:
    find = text("SELECT :word ILIKE :like")
    async with runtime.database.master_session() as session:
        for word, search, found in (("50% off", "0%", True), ("500 off", "0%", False), ("a\\b", "\\", True)):
            told = await session.execute(find, {"word": word, "like": paging.like(search)})
            assert told.scalar_one() is found
