"""How what went wrong is told."""

import json
from urllib.parse import unquote

import pytest

from tests.kameng.web.house import Browser

JSON = {"Accept": "application/json"}
HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize(("how", "status"), [("conflict", 409), ("refused", 422), ("busy", 429), ("bug", 500)])
async def test_every_family_has_its_status_and_a_page(browser: Browser, how: str, status: int) -> None:
    answer = await browser.post(f"/fail/{how}")

    assert answer.status_code == status
    assert f"<h1>{status} " in answer.text
    assert answer.headers["x-request-id"] in answer.text


async def test_a_bug_shows_its_number_and_nothing_else(browser: Browser) -> None:
    answer = await browser.post("/fail/bug", headers=JSON)

    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text


async def test_json_names_code_message_and_field(browser: Browser) -> None:
    answer = await browser.post("/fail/refused", headers=JSON)

    error = answer.json()["error"]
    assert (error["code"], error["message"], error["field"]) == ("refused", "At most 3.", "quantity")


async def test_a_rate_limit_says_when_to_come_back(browser: Browser) -> None:
    assert (await browser.post("/fail/busy")).headers["retry-after"] == "7"


async def test_htmx_gets_a_toast_and_swaps_nothing(browser: Browser) -> None:
    refused = await browser.post("/fail/refused", headers=HTMX)
    bug = await browser.post("/fail/bug", headers=HTMX)

    assert json.loads(refused.headers["hx-trigger"]) == {"toast": {"text": "At most 3.", "kind": "error"}}
    assert refused.headers["hx-reswap"] == "none"
    assert unquote(bug.headers["x-error-text"])
    assert bug.headers["hx-reswap"] == "none"


async def test_a_template_that_fails_is_a_bug_with_a_page(browser: Browser) -> None:
    answer = await browser.get("/broken")

    assert answer.status_code == 500
    assert "nowhere" not in answer.text


async def test_a_wrong_method_says_which_are_right(browser: Browser) -> None:
    answer = await browser.post("/number")

    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


async def test_a_wrong_query_names_the_parameter(browser: Browser) -> None:
    answer = await browser.get("/number?n=many", headers=JSON)

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "n"


@pytest.mark.parametrize("quantity", ["0", "-1", "10^9", "1000000000", "9" * 5000, "two", "1.5", "NaN"])
async def test_a_quantity_out_of_bounds_names_the_field(browser: Browser, quantity: str) -> None:
    form = {"product_id": "1", "quantity": quantity}
    answer = await browser.post("/orders?lang=en", form, headers=JSON)

    error = answer.json()["error"]
    assert answer.status_code == 422
    assert error["fields"] == {"quantity": "Write a whole number between 1 and 1000."}


async def test_all_fields_at_fault_are_named_and_what_was_written_is_kept(browser: Browser) -> None:
    answer = await browser.post("/orders/again?lang=en", {"quantity": "0", "contact": "<138>"})

    assert answer.status_code == 422
    assert "product_id: Fill this in.;quantity: Write a whole number between 1 and 1000.;" in answer.text
    assert "&lt;138&gt;" in answer.text


async def test_a_field_of_a_megabyte_is_named(browser: Browser) -> None:
    form = {"product_id": "1", "contact": "x" * 1024 * 1024, "quantity": "1"}
    answer = await browser.post("/orders?lang=en", form, headers=JSON)

    assert answer.status_code == 413
    assert answer.json()["error"]["field"] == "contact"
    assert "256 KiB" in answer.json()["error"]["message"]


async def test_another_content_type_is_told_which_is_expected(browser: Browser) -> None:
    headers = {"Origin": str(browser.client.base_url).rstrip("/"), **JSON}
    for token in ({}, {"X-CSRF-Token": browser.token}):
        answer = await browser.client.post("/orders", json={"quantity": 1}, headers={**headers, **token})

        assert answer.status_code == 415
        assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


async def test_control_signs_are_refused(browser: Browser) -> None:
    for contact in ("a\0b", "a\x1bb", "two\nlines"):
        answer = await browser.post("/orders", {"product_id": "1", "quantity": "1", "contact": contact}, headers=JSON)

        assert answer.json()["error"]["field"] == "contact"


async def test_a_body_that_is_no_form_is_refused(browser: Browser) -> None:
    headers = {
        "Origin": str(browser.client.base_url).rstrip("/"),
        "X-CSRF-Token": browser.token,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    for body in (b"quantity=%ff%fe", b"&".join(b"a=1" for _ in range(5000))):
        answer = await browser.client.post("/orders", content=body, headers=headers)

        assert answer.status_code == 422


async def test_a_toast_travels_over_a_redirect_once(browser: Browser) -> None:
    await browser.post("/save")
    first, second = await browser.get("/"), await browser.get("/")

    assert "<b class=ok>Saved &lt;b&gt;</b>" in first.text
    assert "Saved" not in second.text


async def test_a_forged_toast_is_not_shown(browser: Browser) -> None:
    browser.client.cookies.set("kameng_flash", "W1siWW91IHdvbiIsIm9rIl1d" * 3)

    assert "<b class" not in (await browser.get("/")).text


async def test_htmx_hears_of_a_toast_in_ascii(browser: Browser) -> None:
    answer = await browser.post("/saved", headers=HTMX)

    assert json.loads(answer.headers["hx-trigger"]) == {"toast": {"text": "好", "kind": "ok"}}


async def test_htmx_is_redirected_by_a_header(browser: Browser) -> None:
    answer = await browser.post("/save", headers=HTMX)

    assert answer.headers["hx-redirect"] == "/"
    assert "Saved" in (await browser.get("/")).text
