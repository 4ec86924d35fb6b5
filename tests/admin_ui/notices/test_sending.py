"""A notice leaves the page once, on each way that carries it."""

import re

import pytest
from sqlalchemy import text

from admin_ui.notices import sending as sender
from kameng.core import ids
from kameng.infra import messenger
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later
from tenants.notices import delivery
from tenants.notices.delivery import ChannelDue
from tenants.notices.service import NoticeTold
from tests.admin_ui.notices.conftest import TOKEN, pass_time, states, tell
from tests.support.hearer import HANG_UP, Hearer
from tests.support.house import Shop, work_off
from tests.support.postbox import Postbox
from tests.support.staff_client import StaffClient, text_of

ADD = "/console/notices/channels"


async def add_hook(owner: StaffClient, hook: Hearer, **fields: str) -> str:
    """Adds a webhook; its signing key."""
    await owner.get("/console/notices/settings")
    answer = await owner.post(ADD, name="Machine", kind="webhook", url=f"{hook.url}/in", **fields)
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", answer.text)
    assert found, text_of(answer)
    return found[0]


async def add_bot(owner: StaffClient, **fields: str) -> None:
    await owner.get("/console/notices/settings")
    answer = await owner.post(ADD, name="Phone", kind="telegram", chat="4711", token_password=TOKEN, **fields)
    assert answer.status_code == 303, text_of(answer)


async def add_letters(owner: StaffClient, **fields: str) -> None:
    await owner.get("/console/notices/settings")
    answer = await owner.post(ADD, name="Letters", kind="email", email="boss@example.com", **fields)
    assert answer.status_code == 303, text_of(answer)


async def test_one_notice_goes_out_on_every_way_and_says_what_happened_and_where(
    sending: Runtime, shop: Shop, owner: StaffClient, hook: Hearer, bot: Hearer, postbox: Postbox
) -> None:
    secret = await add_hook(owner, hook)
    await add_bot(owner)
    await add_letters(owner)

    await tell(shop)
    await work_off(sending)
    await work_off(sending)

    link = f"http://{shop.tenant.host}:8000/console/money"
    (letter,), (chat,), (post,) = postbox.letters, bot.heard, hook.heard
    assert letter["To"] == "boss@example.com"
    assert link in letter.get_content()
    assert chat.path == f"/bot{TOKEN}/sendMessage"
    assert chat.json["chat_id"] == "4711"
    assert link in chat.json["text"]
    (item,) = post.json["notices"]
    assert (item["kind"], item["severity"], item["url"]) == ("deposit_low", "urgent", link)
    sent = [post.headers[f"webhook-{part}"] for part in ("id", "timestamp", "signature")]
    assert messenger.is_signed(secret, sent[0], sent[1], post.body, sent[2])
    assert not messenger.is_signed(secret, sent[0], sent[1], post.body + b" ", sent[2])
    assert await states(shop.tenant) == ["sent"] * 3


async def test_an_event_that_comes_twice_sends_once(
    sending: Runtime, shop: Shop, owner: StaffClient, bot: Hearer
) -> None:
    await add_bot(owner)
    await tell(shop)
    await tell(shop)
    async with shop.tenant.begin() as session:
        (notice_id,) = (await session.execute(text("SELECT id FROM notices"))).scalars().all()

    for _ in range(2):
        await sender.spread(NoticeTold(notice_id), shop.tenant, sending)
        await work_off(sending)
    await owner.post(f"/console/notices/{notice_id}/read")
    await tell(shop)
    await work_off(sending)

    assert len(bot.heard) == 1
    assert await states(shop.tenant) == ["sent"]


async def cut_off(sending: Runtime, shop: Shop) -> None:
    """A worker takes the message onto the wire and is killed."""
    async with shop.tenant.begin() as session:
        channel_id = (await session.execute(text("SELECT id FROM notice_channels"))).scalar_one()
    await tell(shop)
    async with sending.database.master_session() as session:
        told = await session.execute(
            text("SELECT id, payload->>'notice_id' FROM outbox WHERE payload->>'notice_id' IS NOT NULL ORDER BY id")
        )
        rows = told.all()
    await sender.spread(NoticeTold(int(rows[-1][1])), shop.tenant, sending)
    async with shop.tenant.begin() as session:
        assert await delivery.claim(session, channel_id) is not None
    with pytest.raises(Later):
        await sender.send_due(ChannelDue(channel_id), shop.tenant, sending)


async def test_a_telegram_message_that_was_cut_off_is_unknown_and_not_repeated(
    sending: Runtime, shop: Shop, owner: StaffClient, bot: Hearer
) -> None:
    await add_bot(owner)
    await cut_off(sending, shop)

    await pass_time(sending, shop.tenant, 90)

    assert await states(shop.tenant) == ["unknown"]
    assert bot.heard == []
    assert "Not known" in text_of(await owner.get("/console/notices/deliveries"))


async def test_a_webhook_that_was_cut_off_comes_again_with_the_same_number(
    sending: Runtime, shop: Shop, owner: StaffClient, hook: Hearer
) -> None:
    await add_hook(owner, hook)
    hook.answers = [HANG_UP, (500, "busy")]
    await cut_off(sending, shop)

    for seconds in (90, 90, 400):
        await pass_time(sending, shop.tenant, seconds)

    assert await states(shop.tenant) == ["sent"]
    assert len(hook.heard) == 3
    assert len({one.headers["webhook-id"] for one in hook.heard}) == 1


async def test_a_webhook_that_never_answers_is_given_up_and_the_people_are_told(
    sending: Runtime, shop: Shop, owner: StaffClient, hook: Hearer
) -> None:
    await add_hook(owner, hook)
    hook.answers = [(503, "closed for the night")] * 20

    await tell(shop)
    await work_off(sending)
    for _ in range(delivery.MOST_ATTEMPTS + 1):
        await pass_time(sending, shop.tenant, 50_000)

    assert await states(shop.tenant) == ["dead"]
    assert len(hook.heard) == delivery.MOST_ATTEMPTS
    assert "A notice could not be sent on Machine" in text_of(await owner.get("/console/notices"))
    log = await owner.get("/console/notices/deliveries?state=dead")
    assert "The other side did not take it" in text_of(log)

    hook.answers = []
    (number,) = set(re.findall(r"/console/notices/deliveries/([0-9a-f-]{36})", log.text))
    assert "503 closed for the night" in text_of(await owner.get(f"/console/notices/deliveries/{number}"))
    await owner.post(f"/console/notices/deliveries/{number}/retry")
    await work_off(sending)
    assert await states(shop.tenant) == ["sent"]
    assert len({one.headers["webhook-id"] for one in hook.heard}) == 1


async def test_a_wrong_token_is_said_in_words_by_the_test_button_and_by_the_log(
    sending: Runtime, shop: Shop, owner: StaffClient, bot: Hearer
) -> None:
    await add_bot(owner)
    bot.answers = [(401, '{"ok":false,"error_code":401,"description":"Unauthorized"}')] * 2
    async with shop.tenant.begin() as session:
        way_id = (await session.execute(text("SELECT id FROM notice_channels"))).scalar_one()

    page = await owner.follow(await owner.post(f"{ADD}/{way_id}/test"))
    await tell(shop)
    await work_off(sending)
    await work_off(sending)

    assert "The token of the bot is wrong" in page.text
    assert await states(shop.tenant) == ["dead"]
    assert "The token of the bot is wrong" in text_of(await owner.get("/console/notices/deliveries"))
    assert len(bot.heard) == 2


async def test_a_letter_that_is_put_off_is_tried_again_and_one_that_is_refused_is_not(
    sending: Runtime, shop: Shop, owner: StaffClient, postbox: Postbox
) -> None:
    await add_letters(owner)
    postbox.answer = "451 later"
    await tell(shop)
    await work_off(sending)
    assert await states(shop.tenant) == ["waiting"]

    postbox.answer = "550 nobody here"
    await pass_time(sending, shop.tenant, 20)

    assert await states(shop.tenant) == ["dead"]
    assert postbox.letters == []


async def test_beyond_its_messages_an_hour_a_channel_gathers_the_rest_into_one(
    sending: Runtime, shop: Shop, owner: StaffClient, bot: Hearer
) -> None:
    await add_bot(owner, most_an_hour="2")
    for _ in range(6):
        await tell(shop, "ticket_opened", ids.code(8), about="other")
    await work_off(sending)
    await work_off(sending)
    assert len(bot.heard) == 2

    await pass_time(sending, shop.tenant, 3700)

    assert len(bot.heard) == 3
    assert bot.heard[-1].json["text"].startswith("4 ")
    assert await states(shop.tenant) == ["sent"] * 6


async def test_a_kind_that_is_not_ticked_stays_at_the_bell(
    sending: Runtime, shop: Shop, owner: StaffClient, bot: Hearer
) -> None:
    await add_bot(owner)
    async with shop.tenant.begin() as session:
        way_id = (await session.execute(text("SELECT id FROM notice_channels"))).scalar_one()
    saved = await owner.post(
        "/console/notices/settings/team", **{"column": str(way_id), f"way{way_id}": "ticket_opened"}
    )

    await tell(shop, "deposit_low")
    await tell(shop, "ticket_opened", "T1", about="other")
    await work_off(sending)
    await work_off(sending)

    assert saved.status_code == 303
    assert len(bot.heard) == 1
    assert "T1" in bot.heard[0].json["text"]
    assert "2</span>" in (await owner.get("/console/notices/bell")).text
