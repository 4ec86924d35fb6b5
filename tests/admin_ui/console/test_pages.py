"""The owner writes pages; buyers read them at the foot of the shop, and nothing in them can run."""

import re
from html.parser import HTMLParser

import httpx
import pytest
from sqlalchemy import text

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.branding import markup
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, open_shop
from tests.support.pictures import REFUSED, picture
from tests.support.staff_client import StaffClient, error_at, text_of

PATH = "/console/pages"
PAGE = {
    "title": "关于我们",
    "path": "about",
    "body": "## 我们是谁\n\n**星河**点卡",
    "position": "1",
    "published": "yes",
}
HASH = "ab" * 32


async def write(owner: StaffClient, **fields: str) -> str:
    """Adds a page; returns its address in the console."""
    await owner.get(f"{PATH}/new")
    answer = await owner.post(PATH, **{**PAGE, **fields})
    assert answer.status_code == 303, text_of(answer)
    return answer.headers["location"]


async def add_picture(owner: StaffClient, name: str = "a.png", content: bytes = b"") -> httpx.Response:
    await owner.get(f"{PATH}/pictures")
    return await owner.http.post(
        f"{PATH}/pictures",
        data={"csrf_token": owner.token},
        files={"picture_file": (name, content or picture())},
        headers={"Origin": owner.origin},
    )


async def test_a_published_page_stands_at_the_foot_of_the_shop(
    owner: StaffClient, runtime: Runtime, shop: Shop
) -> None:
    address = await write(owner)
    await write(owner, title="常见问题", path="faq", position="0")

    home = (await owner.get("/")).text
    page = await owner.get("/pages/about")

    assert home.index('<a href="/pages/faq">常见问题</a>') < home.index('<a href="/pages/about">关于我们</a>')
    assert "<h2>我们是谁</h2>" in page.text
    assert "<strong>星河</strong>点卡" in page.text
    assert "<title>关于我们 · " in page.text
    assert len(await audited(runtime, "pages.add", address.rpartition("/")[2], shop.tenant)) == 1


async def test_a_draft_is_the_owners_alone(owner: StaffClient) -> None:
    await owner.get(f"{PATH}/new")
    answer = await owner.post(PATH, **{name: value for name, value in PAGE.items() if name != "published"})

    assert "buyers do not see it yet" in (await owner.follow(answer)).text
    assert (await owner.get("/pages/about")).status_code == 404
    assert "/pages/about" not in (await owner.get("/")).text
    assert "关于我们" in text_of(await owner.get(PATH))


async def test_the_last_save_of_a_page_can_be_taken_back(owner: StaffClient, runtime: Runtime, shop: Shop) -> None:
    address = await write(owner)
    await owner.get(address)
    await owner.post(address, **{**PAGE, "title": "新标题", "path": "us", "body": "neu"})
    assert (await owner.get("/pages/about")).status_code == 404
    assert "Undo the last save" in (await owner.get(address)).text

    await owner.post(f"{address}/undo")

    assert "星河" in (await owner.get("/pages/about")).text
    assert "关于我们" in (await owner.get("/")).text
    assert (await owner.post(f"{address}/undo")).status_code == 422
    assert len(await audited(runtime, "pages.undo", address.rpartition("/")[2], shop.tenant)) == 1


async def test_a_deleted_page_is_gone_from_the_shop(owner: StaffClient) -> None:
    address = await write(owner)
    assert "data-confirm=" in (await owner.get(address)).text

    await owner.post(f"{address}/delete")

    assert (await owner.get("/pages/about")).status_code == 404
    assert "/pages/about" not in (await owner.get("/")).text
    assert (await owner.get(address)).status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("path", "about", "Another page has this address already."),
        ("path", "About us", "An address has small letters"),
        ("path", "../login", "An address has small letters"),
        ("title", "", "Fill this in."),
        ("body", "x" * 20_001, "Write at most 20000 characters."),
        ("position", "first", "Write a whole number between 0 and 1000."),
    ],
)
async def test_what_cannot_be_is_said_at_its_field_and_what_was_typed_stays(
    owner: StaffClient, field: str, value: str, said: str
) -> None:
    await write(owner)

    answer = await owner.post(PATH, **{**PAGE, "path": "other", "body": "typed words", field: value})

    assert answer.status_code == 422
    assert said in error_at(answer, field)
    assert field == "body" or "typed words" in answer.text
    assert (await owner.get("/pages/other")).status_code == 404


async def test_a_shop_has_thirty_pages_at_most(owner: StaffClient) -> None:
    for number in range(30):
        await write(owner, path=f"p{number}")

    answer = await owner.post(PATH, **{**PAGE, "path": "p30"})

    assert answer.status_code == 422
    assert "at most 30 pages" in text_of(answer)


async def test_another_stations_page_and_picture_are_not_there(
    owner: StaffClient, runtime: Runtime, sign_in: SignIn
) -> None:
    address = await write(owner)
    await add_picture(owner)
    name = re.search(r"/media/([0-9a-f]{64}\.png)", (await owner.get(f"{PATH}/pictures")).text)
    assert name
    other = await sign_in((await open_shop(runtime)).tenant, Role.OWNER)
    await write(other, path="mine")

    assert (await other.get("/pages/about")).status_code == 404
    assert (await other.get(f"/media/{name[1]}")).status_code == 404
    assert (await other.post(f"{PATH}/pictures/{name[1]}/delete")).status_code == 404
    assert (await owner.get(f"/media/{name[1]}")).status_code == 200
    assert (await owner.get(address)).status_code == 200


async def test_a_picture_is_shown_on_a_page(owner: StaffClient, shop: Shop) -> None:
    await owner.follow(await add_picture(owner))
    shown = await owner.get(f"{PATH}/pictures")
    line = re.search(r'data-copy="(!\[\]\((/media/[0-9a-f]{64}\.png)\))"', shown.text)
    assert line
    assert "On no page" in shown.text

    await write(owner, body=f"前 {line[1]} 后")

    assert f'<img src="{line[2]}"' in (await owner.get("/pages/about")).text
    assert "On no page" not in (await owner.get(f"{PATH}/pictures")).text
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE pictures SET created_at = now() - interval '1 year'"))
    await write(owner, path="other")
    assert (await owner.get(line[2])).status_code == 200


@pytest.mark.parametrize("case", ["an SVG with a script", "a GIF", "HTML that calls itself PNG", "a bomb"])
async def test_a_page_takes_no_other_files_than_a_logo_does(owner: StaffClient, case: str) -> None:
    name, content, said = REFUSED[case]

    answer = await add_picture(owner, name, content)

    assert answer.status_code == 422
    assert said in error_at(answer, "picture_file")


async def test_what_is_written_is_previewed_as_buyers_will_read_it(owner: StaffClient) -> None:
    await owner.get(f"{PATH}/new?start=faq")

    answer = await owner.post(f"{PATH}/preview", body="# Hi\n\n<script>alert(1)</script>")

    assert "<h2>Hi</h2>" in answer.text
    assert "<script" not in answer.text


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<body onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<style>@import 'javascript:alert(1)'</style>",
    "<form action=/logout method=post><input type=submit></form>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;avascript&colon;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://evil.example/1)",
    "[x](//evil.example)",
    "[x](/\\evil.example)",
    "[x](\\\\evil.example)",
    "[x](https://a\"onmouseover=\"alert(1))",
    "[x](https://evil.example \"t\" onmouseover=alert(1))",
    "[x](https://evil.example '\"><script>alert(1)</script>')",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "![x](data:image/png;base64,AAAA)",
    "![x](https://evil.example/track.png)",
    "![x](//evil.example/track.png)",
    "![x](/logout)",
    "![x](/media/../logout)",
    f"![x](/media/{HASH}.svg)",
    f"![x](/media/{HASH}.png?x)",
    f"![x](https://evil.example/media/{HASH}.png)",
    f"![\"><script>alert(1)</script>](/media/{HASH}.png)",
    f"![x](/media/{HASH}.png \"\\\" onload=alert(1) x=\\\"\")",
    "[![x](javascript:alert(1))](javascript:alert(2))",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    "```\"><script>alert(1)</script>\nx\n```",
    "    <script>alert(1)</script>",
    "# <img src=x onerror=alert(1)>",
    "| <script>alert(1)</script> |\n| --- |\n| [x](javascript:alert(1)) |",
    "~~<script>alert(1)</script>~~",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u2028<script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</script>",
    "＜script＞alert(1)＜/script＞",
    "{{ 7 * 7 }}{% include 'layout/bare.html' %}",
    "> " * 500 + "<script>alert(1)</script>",
    "[" * 2000 + "](javascript:alert(1))",
    "*" * 2000 + "<script>",
]  # fmt: skip


class Elements(HTMLParser):
    """Every element and attribute, as a browser's parser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_is_written_can_run_or_call_home(attack: str) -> None:
    for written in (attack, f"words\n\n{attack}\n\nwords", f"- {attack}", f"**{attack}**"):
        for tag, attributes in Elements(markup.to_html(written)).found:
            assert tag in markup.TAGS, written
            assert set(attributes) <= {"href", "title", "rel", "target", "src", "alt", "start"}, written
            if "href" in attributes:
                assert re.match(r"(https?://|mailto:|tel:|#|/(?![/\\]))", attributes["href"]), written
                assert attributes["rel"] == "nofollow noopener noreferrer"
            if tag == "img":
                assert re.fullmatch(r"/media/[0-9a-f]{64}\.(png|jpg|webp)", attributes["src"]), written


async def test_attacks_stay_words_on_the_page_itself(owner: StaffClient) -> None:
    await write(owner, title="<script>alert(1)</script>", body="\n\n".join(ATTACKS[:40]).replace("\x01", ""))

    page = await owner.get("/pages/about")

    own = Elements(page.text.partition('<article class="panel written">')[2].partition("</article>")[0]).found
    assert {tag for tag, _ in own} <= markup.TAGS | {"h1"}
    assert not [name for _, attributes in own for name in attributes if name.startswith("on")]
    assert "script-src 'nonce-" in page.headers["content-security-policy"]
    assert "<script>alert" not in (await owner.get("/")).text


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("[x](https://a.example/?a=1&b=2)", '<a href="https://a.example/?a=1&amp;b=2" target="_blank"'),
        ("[x](/p/1)", '<a href="/p/1" rel='),
        ("[x](tel:10086)", '<a href="tel:10086"'),
        ("<kf@example.com>", '<a href="mailto:kf@example.com"'),
        (f"![图](/media/{HASH}.webp)", f'<img src="/media/{HASH}.webp" alt="图">'),
        ("| a |\n| - |\n| b |", "<th>a</th>"),
        ("一行\n二行", "一行<br>\n二行"),
        ("3. c", '<ol start="3">'),
        ("~~x~~ `y`", "<s>x</s> <code>y</code>"),
        ("# A\n## B\n###### C", "<h2>A</h2>\n<h2>B</h2>\n<h4>C</h4>"),
    ],
)
def test_what_an_owner_needs_is_there(markdown: str, html: str) -> None:
    assert html in markup.to_html(markdown)
