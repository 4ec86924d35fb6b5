"""Letters of invitation, over a real SMTP server on loopback."""

from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest
from msgspec import structs
from sqlalchemy import text

from deploy.asgi import compose
from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tenants.registry import queries as registry
from tests.admin_ui.conftest import PASSWORD, person
from tests.admin_ui.people.steps import Clients, invite
from tests.support.house import Shop, work_off
from tests.support.postbox import Postbox, open_postbox
from tests.support.staff_client import StaffClient, text_of


@pytest.fixture(scope="module")
async def letter_box() -> AsyncIterator[Postbox]:
    async with open_postbox() as box:
        yield box


@pytest.fixture
def postbox(letter_box: Postbox) -> Postbox:
    letter_box.empty()
    return letter_box


@pytest.fixture(scope="module")
def sending(runtime: Runtime, letter_box: Postbox) -> Runtime:
    """The deployment, with a way to send letters."""
    settings = structs.replace(runtime.settings, smtp_url=f"smtp://127.0.0.1:{letter_box.port}", public_port=8000)
    return structs.replace(runtime, settings=settings)


@pytest.fixture(scope="module")
def sending_door(sending: Runtime) -> HostDispatch:
    return compose(sending)


@pytest.fixture
async def owner(sending: Runtime, sending_door: HostDispatch, shop: Shop) -> AsyncIterator[StaffClient]:
    login = await person(sending, shop.tenant.id, Role.OWNER)
    async with StaffClient(sending_door, shop.tenant.host) as client:
        await client.sign_in(login, PASSWORD, "/console/login")
        yield client


def body_of(letter: EmailMessage) -> str:
    return str(letter.get_content())


async def test_a_letter_carries_the_stations_name_and_host_and_a_link_that_works(
    sending: Runtime, shop: Shop, owner: StaffClient, postbox: Postbox, clients: Clients
) -> None:
    await invite(owner, "deputy", email="li@example.com")
    await work_off(sending)

    (letter,) = postbox.letters
    link = next(line for line in body_of(letter).splitlines() if line.startswith("http"))
    page = await clients(shop.tenant.host).get(link.partition(":8000")[2])

    assert letter["To"] == "li@example.com"
    assert letter["From"].addresses[0].display_name == shop.tenant.name
    assert letter["From"].addresses[0].addr_spec == f"no-reply@{shop.tenant.host}"
    assert letter["Message-ID"].endswith(f"@{shop.tenant.host}>")
    assert link.startswith(f"http://{shop.tenant.host}:8000/console/join?token=")
    assert page.status_code == 200
    assert "Letter sent" in text_of(await owner.get("/console/team"))


async def test_the_link_that_was_shown_and_that_of_the_letter_are_one_invitation(
    sending: Runtime, shop: Shop, owner: StaffClient, postbox: Postbox, clients: Clients
) -> None:
    shown = await invite(owner, "deputy", email="li@example.com")
    await work_off(sending)
    sent = next(line for line in body_of(postbox.letters[0]).splitlines() if line.startswith("http"))
    sent = sent.partition(":8000")[2]
    statuses = [(await clients(shop.tenant.host).get(path)).status_code for path in (shown, sent)]

    guest = clients(shop.tenant.host)
    await guest.get(sent)
    await guest.post(
        "/console/join/new", token=sent.partition("token=")[2], login=f"by-letter-{shop.tenant.id}", name="x",
        password=PASSWORD,
    )  # fmt: skip

    assert shown != sent
    assert statuses == [200, 200]
    assert (await clients(shop.tenant.host).get(shown)).status_code == 404


async def test_a_refused_letter_is_told_and_the_invitation_stands(
    sending: Runtime, shop: Shop, owner: StaffClient, postbox: Postbox, clients: Clients
) -> None:
    postbox.answer = "550 no such person here"
    path = await invite(owner, "deputy", email="nobody@example.com")
    await work_off(sending)

    page = text_of(await owner.get("/console/team"))

    assert "Letter refused" in page
    assert "550 no such person here" in page
    assert (await clients(shop.tenant.host).get(path)).status_code == 200


async def test_a_server_that_puts_it_off_gets_it_again(
    sending: Runtime, shop: Shop, owner: StaffClient, postbox: Postbox
) -> None:
    postbox.answer = "451 later"
    await invite(owner, "deputy", email="li@example.com")
    await work_off(sending)
    assert postbox.letters == []
    assert "Letter under way" in text_of(await owner.get("/console/team"))

    postbox.answer = "250 OK"
    async with sending.database.master_session() as session:
        await session.execute(text("UPDATE outbox SET due_at = now() WHERE follower LIKE '%send_invitation'"))
    await work_off(sending)

    assert len(postbox.letters) == 1


async def test_nothing_is_sent_of_a_revoked_invitation(sending: Runtime, owner: StaffClient, postbox: Postbox) -> None:
    await invite(owner, "deputy", email="li@example.com")
    listed = await owner.get("/console/team")
    number = listed.text.partition("/console/team/invitations/")[2].partition("/")[0]
    await owner.post(f"/console/team/invitations/{number}/revoke")
    await work_off(sending)

    assert postbox.letters == []


async def test_the_owner_of_a_new_station_is_invited_by_a_letter_too(
    sending: Runtime, sending_door: HostDispatch, shop: Shop, postbox: Postbox, clients: Clients
) -> None:
    slug = f"new-{ids.code(8).lower()}"
    async with sending.database.master_session() as session:
        tier_id = (await registry.station(session, shop.tenant.id)).tier_id
    async with StaffClient(sending_door, sending.settings.master_host) as operator:
        await operator.sign_in(await person(sending, None, Role.OPERATOR), PASSWORD, "/login")
        await operator.get("/tenants/new")
        answer = await operator.post(
            "/tenants", slug=slug, name="新店", tier_id=tier_id, owner_name="周站长", owner_email="zhou@example.com"
        )
    await work_off(sending)

    (letter,) = [one for one in postbox.letters if one["To"] == "zhou@example.com"]
    link = next(line for line in body_of(letter).splitlines() if line.startswith("http"))
    assert "A letter is being sent to zhou@example.com." in text_of(answer)
    assert link.startswith(f"http://{slug}.localhost:8000/console/join?token=")
    assert (await clients(f"{slug}.localhost").get(link.partition(":8000")[2])).status_code == 200
