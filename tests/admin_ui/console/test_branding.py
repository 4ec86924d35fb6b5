"""The owner sets how the shop looks, sees it before saving, and takes it back."""

import re
import tracemalloc
from collections.abc import AsyncIterator
from io import BytesIO

import httpx
import pytest
from PIL import Image
from sqlalchemy import text

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, open_shop
from tests.support.pictures import REFUSED, SVG, picture, with_place
from tests.support.staff_client import StaffClient, error_at, text_of

PATH = "/console/branding"
LOGO = re.compile(r'<img class="logo" src="(/media/[0-9a-f]{64}\.\w+)" srcset="([^ ]+) 2x"')
FORM = {"name": "星河点卡", "accent": "#0a7d5a", "theme": "market"}
Files = dict[str, tuple[str, bytes]]


async def save(owner: StaffClient, files: Files | None = None, **fields: str) -> httpx.Response:
    """Sends the form as a browser without scripts does."""
    await owner.get(PATH)
    return await owner.http.post(
        PATH,
        data={"csrf_token": owner.token, **FORM, **fields},
        files=files or {"logo_file": ("", b"")},
        headers={"Origin": owner.origin},
    )


async def saved(owner: StaffClient, files: Files | None = None, **fields: str) -> httpx.Response:
    """Saves, and returns the shop's first page as it is now."""
    answer = await save(owner, files, **fields)
    assert answer.status_code == 303, text_of(answer)
    return await owner.get("/")


def logo_of(page: httpx.Response) -> tuple[str, str]:
    found = LOGO.search(page.text)
    assert found, "no logo on the page"
    return found[1], found[2]


async def stored(shop: Shop) -> int:
    async with shop.tenant.begin() as session:
        return int((await session.execute(text("SELECT count(*) FROM pictures"))).scalar_one())


async def test_a_saved_look_is_in_the_shop_at_once(owner: StaffClient, shop: Shop, runtime: Runtime) -> None:
    page = await saved(
        owner, notice="双十一全场九折", qq="10001", wechat="xinghe-kf", telegram="@xinghe", phone="+86 138 0013 8000",
        email="kf@example.com", hours="9:00-23:00", contact="钉钉 123",
    )  # fmt: skip

    for words in (
        "<title>星河点卡</title>", 'data-look="market"', "look-market", "/theme.css?accent=0a7d5a", "双十一全场九折",
        "10001", "xinghe-kf", 'href="https://t.me/xinghe"', 'href="tel:+8613800138000"', 'href="mailto:kf@example.com"',
        "9:00-23:00", "钉钉 123", '<meta property="og:title" content="星河点卡">',
        '<meta property="og:description" content="双十一全场九折">',
    ):  # fmt: skip
        assert words in page.text, words
    assert "--accent:#0a7d5a" in (await owner.get("/theme.css?accent=0a7d5a")).text
    assert len(await audited(runtime, "branding.save", shop.tenant.slug)) == 1
    log = text_of(await owner.get("/console/audit"))
    assert "Changed the look" in log
    assert "classic → market" in log


async def test_a_logo_is_drawn_anew_and_served_on_the_stations_own_host_only(
    owner: StaffClient, runtime: Runtime, sign_in: SignIn
) -> None:
    page = await saved(owner, {"logo_file": ("我的.jpg", with_place()), "favicon_file": ("f.png", picture(500, 300))})
    logo, large = logo_of(page)
    icons = re.findall(r'<link rel="(icon|apple-touch-icon)" href="(/media/[^"]+)"', page.text)

    served = await owner.get(logo)
    assert served.status_code == 200
    assert served.headers["content-type"] == "image/jpeg"
    assert "immutable" in served.headers["cache-control"]
    assert served.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in served.headers
    assert b"SecretCamera" not in served.content
    assert b"Exif" not in served.content
    assert Image.open(BytesIO(served.content)).size == (16, 64)  # upright, and within 240 x 64
    assert Image.open(BytesIO((await owner.get(large)).content)).size == (32, 128)
    sizes = {kind: Image.open(BytesIO((await owner.get(path)).content)).size for kind, path in icons}
    assert sizes == {"icon": (64, 64), "apple-touch-icon": (180, 180)}
    assert f'og:image" content="http://{owner.origin.removeprefix("http://")}' in page.text
    assert logo_of(await owner.get(PATH))[0] == logo

    other = await sign_in((await open_shop(runtime)).tenant, Role.OWNER)
    assert (await other.get(logo)).status_code == 404
    assert (await other.get(logo.replace("/media/", "/media/../media/"))).status_code == 404


@pytest.mark.parametrize("case", REFUSED)
async def test_a_file_that_is_no_picture_is_refused_at_its_field(owner: StaffClient, shop: Shop, case: str) -> None:
    name, content, said = REFUSED[case]

    answer = await save(owner, {"logo_file": (name, content)}, notice="kept words")

    assert answer.status_code == 422
    assert said in error_at(answer, "logo_file")
    assert "kept words" in answer.text
    assert await stored(shop) == 0
    assert (await owner.get("/")).text.count("kept words") == 0


async def test_fifty_megabytes_are_refused_at_the_field_and_not_held_in_memory(owner: StaffClient, shop: Shop) -> None:
    await owner.get(PATH)
    head = [
        _part("csrf_token", owner.token), *(_part(name, value) for name, value in FORM.items()),
        b'--x\r\nContent-Disposition: form-data; name="logo_file"; filename="a.png"\r\n\r\n' + picture(),
    ]  # fmt: skip

    async def body() -> AsyncIterator[bytes]:
        for part in head:
            yield part
        for _ in range(800):
            yield b"\0" * 65_536
        yield b"\r\n--x--\r\n"

    tracemalloc.start()
    try:
        answer = await owner.http.post(
            PATH, content=body(), headers={"Origin": owner.origin, "Content-Type": "multipart/form-data; boundary=x"}
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer.status_code == 422
    assert error_at(answer, "logo_file").startswith("This file is larger than 5 MB.")
    assert 'value="星河点卡"' in answer.text
    assert peak < 20 * 1024 * 1024
    assert await stored(shop) == 0


def _part(name: str, value: str) -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


async def test_nobody_who_is_not_signed_in_is_read_a_file_from(shop: Shop, owner: StaffClient) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(800):
            read += 65_536
            yield b"\0" * 65_536

    async with httpx.AsyncClient(transport=owner.http._transport, base_url=owner.origin) as stranger:
        answer = await stranger.post(
            PATH, content=body(), headers={"Origin": owner.origin, "Content-Type": "multipart/form-data; boundary=x"}
        )

    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/login"
    assert read < 1024 * 1024


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("accent", "#ffff00", "its contrast is 1.0:1 on white and 15.9:1 on dark; both need 3.0:1"),
        ("accent", "#000000", "its contrast is 21.0:1 on white and 1.2:1 on dark"),
        ("accent", "red", "Write a colour such as #2563eb."),
        ("name", "", "Fill this in."),
        ("theme", "neon", "Choose one of the list."),
        ("qq", "12ab", "A QQ number has 5 to 12 digits."),
        ("wechat", "1abc", "A WeChat ID begins with a letter"),
        ("telegram", "https://t.me/x", "A Telegram name has"),
        ("phone", "call me", "A phone number has"),
        ("email", "javascript:alert(1)", "Write an address such as name@example.com."),
        ("logo", "javascript:alert(1)", "Choose the picture again."),
        ("logo", f"/media/{'0' * 64}.png", "This picture is not there any more."),
    ],
)
async def test_what_cannot_be_is_said_at_its_field_and_nothing_is_saved(
    owner: StaffClient, field: str, value: str, said: str
) -> None:
    answer = await save(owner, None, **{field: value, "notice": "kept words"})

    assert answer.status_code == 422
    assert said in (error_at(answer, field) or error_at(answer, f"{field}_file") or text_of(answer))
    assert "kept words" in answer.text
    page = (await owner.get("/")).text
    assert "kept words" not in page
    assert "测试小店" in page


async def test_the_suggested_colour_is_taken(owner: StaffClient) -> None:
    refused = await save(owner, accent="#ffff00")
    suggestion = re.search(r"passes is (#[0-9a-f]{6})", error_at(refused, "accent"))
    assert suggestion

    page = await saved(owner, accent=suggestion[1])

    assert f"/theme.css?accent={suggestion[1][1:]}" in page.text


async def test_the_last_save_can_be_taken_back_with_its_logo(owner: StaffClient, shop: Shop, runtime: Runtime) -> None:
    first = logo_of(await saved(owner, {"logo_file": ("a.png", picture(colour="#ff0000"))}, notice="first"))
    second = await saved(owner, {"logo_file": ("b.png", picture(colour="#00ff00"))}, notice="second", theme="night")
    assert logo_of(second) != first

    form = await owner.get(PATH)
    assert "Undo the last save" in text_of(form)
    answer = await owner.post(f"{PATH}/undo")

    assert "before the last save" in (await owner.follow(answer)).text
    page = await owner.get("/")
    assert logo_of(page) == first
    assert "first" in page.text
    assert 'data-look="market"' in page.text
    assert (await owner.get(first[0])).status_code == 200
    assert len(await audited(runtime, "branding.undo", shop.tenant.slug)) == 1

    await owner.post(f"{PATH}/undo")
    assert (await owner.post(f"{PATH}/undo")).status_code == 409


async def test_a_logo_can_be_taken_away(owner: StaffClient) -> None:
    logo, _ = logo_of(await saved(owner, {"logo_file": ("a.png", picture())}))

    page = await saved(owner, logo=logo, drop_logo="yes")

    assert LOGO.search(page.text) is None


async def test_pictures_that_nothing_shows_any_more_are_cleared_away(owner: StaffClient, shop: Shop) -> None:
    for number in range(8):
        await saved(owner, {"logo_file": ("a.png", picture(100 + number, 50))})
    assert await stored(shop) == 8
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE pictures SET created_at = now() - interval '2 days'"))

    page = await saved(owner, {"logo_file": ("a.png", picture(90, 50))})

    assert await stored(shop) == 6  # the one that is shown, and five that an undo can bring back
    assert (await owner.get(logo_of(page)[0])).status_code == 200


async def test_a_chosen_picture_is_checked_and_previewed_before_anything_is_saved(owner: StaffClient) -> None:
    await owner.get(PATH)
    headers = {"Origin": owner.origin, "X-CSRF-Token": owner.token, "HX-Request": "true"}
    url = f"{PATH}/pictures/logo"

    refused = await owner.http.post(url, files={"logo_file": ("a.svg", SVG)}, headers=headers)
    taken = await owner.http.post(url, files={"logo_file": ("a.png", picture())}, headers=headers)

    assert refused.status_code == 422
    assert "can hold scripts" in error_at(refused, "logo_file")
    assert taken.status_code == 200
    assert taken.headers["HX-Trigger-After-Settle"] == "look-changed"
    path = re.search(r'name="logo" value="(/media/[^"]+)"', taken.text)
    assert path
    assert LOGO.search((await owner.get("/")).text) is None

    await owner.post(f"{PATH}/draft", **FORM, logo=path[1])
    assert logo_of(await owner.get(f"{PATH}/preview"))[0] == path[1]
    assert logo_of(await saved(owner, logo=path[1]))[0] == path[1]


async def test_the_preview_shows_the_draft_in_our_own_frame_and_the_shop_does_not(
    owner: StaffClient, shop: Shop, sign_in: SignIn
) -> None:
    form = await owner.get(PATH)
    assert "frame-src 'self'" in form.headers["content-security-policy"]
    assert f'<iframe src="{PATH}/preview"' in form.text

    told = await owner.post(
        f"{PATH}/draft", **{**FORM, "theme": "night", "name": "草稿店", "accent": "#ffff00", "qq": "x"}
    )
    preview = await owner.get(f"{PATH}/preview")

    assert "Hard to see" in told.text
    assert "data-put=" in told.text
    assert "frame-ancestors 'self'" in preview.headers["content-security-policy"]
    assert 'data-look="night"' in preview.text
    assert "/theme.css?accent=ffff00" in preview.text
    assert "草稿店" in preview.text
    assert "<body inert>" in preview.text
    page = await owner.get("/")
    assert "草稿店" not in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    deputy = await sign_in(shop.tenant, Role.DEPUTY)
    assert "草稿店" not in (await deputy.get(f"{PATH}/preview")).text


async def test_a_shop_with_free_text_contact_only_keeps_it(owner: StaffClient, shop: Shop, runtime: Runtime) -> None:
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE tenants SET contact = '微信 old-kf'"))
    runtime.directory.forget()

    assert "Help: 微信 old-kf" in text_of(await owner.get("/"))
    assert 'value="微信 old-kf"' in (await owner.get(PATH)).text
