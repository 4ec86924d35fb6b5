"""`kameng flags` writes the kill switch, and the shop obeys it, with no server but the one that serves pages."""

from pathlib import Path

import msgspec
import pytest

from deploy.asgi import compose
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from tests.deploy.test_commands import kameng
from tests.support.browser_client import Browser, Unbundled
from tests.support.house import open_shop
from tests.support.processes import free_port

NOTHING = {"KAMENG_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "KAMENG_REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flags.toml"


async def test_what_is_killed_is_gone_from_the_shop_and_back_when_it_is_not(
    runtime: Runtime, settings: Settings, file: Path
) -> None:
    shop = await open_shop(runtime, keys=["K"])
    killing = msgspec.structs.replace(
        runtime, settings=msgspec.structs.replace(settings, flags_file=str(file), port=free_port())
    )

    async def top_up_is_offered() -> bool:
        door = compose(killing, Unbundled({}, {}))  # a fresh process: it need not wait a second to look again
        return "Top up" in (await Browser(door, shop.tenant.host).get("/wallet")).text

    seen = [await top_up_is_offered()]
    killed = kameng(None, "flags", "kill", "shop.topup", **NOTHING, KAMENG_FLAGS_FILE=str(file))
    seen.append(await top_up_is_offered())
    unkilled = kameng(None, "flags", "unkill", "shop.topup", **NOTHING, KAMENG_FLAGS_FILE=str(file))
    seen.append(await top_up_is_offered())

    assert (killed.returncode, unkilled.returncode) == (0, 0), killed.stderr + unkilled.stderr
    assert "shop.topup is off everywhere" in killed.stdout
    assert seen == [True, False, True]


def test_the_list_shows_every_feature_and_what_is_killed(file: Path) -> None:
    file.write_text('"shop.payment_minutes" = 30\n"shop.gone" = true\n')

    said = kameng(None, "flags", "list", **NOTHING, KAMENG_FLAGS_FILE=str(file))

    assert said.returncode == 0, said.stderr
    (line,) = [line for line in said.stdout.splitlines() if line.startswith("shop.payment_minutes")]
    assert line.split() == ["shop.payment_minutes", "number", "15", "30"]
    assert "shop.gone stands in the file" in said.stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("kill", "no.such"), "There is no such feature."),
        (("kill", "shop.stock", "perhaps"), "shop.stock can be on or off."),
        (("kill", "shop.payment_minutes"), "a whole number from 5 to 120"),
        (("kill", "shop.home_layout", "off"), "shop.home_layout can be grid or list."),
    ],
)
def test_what_cannot_be_killed_is_a_sentence_and_changes_nothing(
    file: Path, words: tuple[str, ...], problem: str
) -> None:
    said = kameng(None, "flags", *words, **NOTHING, KAMENG_FLAGS_FILE=str(file))

    assert said.returncode == 1
    assert problem in " ".join(said.stderr.split())
    assert not file.exists()


def test_a_bad_file_is_not_overwritten(file: Path) -> None:
    file.write_text("module.buyers = perhaps")

    said = kameng(None, "flags", "kill", "shop.stock", **NOTHING, KAMENG_FLAGS_FILE=str(file))

    assert said.returncode == 1
    assert "is not in order" in said.stderr
    assert file.read_text() == "module.buyers = perhaps"


def test_without_a_file_the_variable_is_named() -> None:
    said = kameng(None, "flags", "kill", "shop.stock", **NOTHING, KAMENG_FLAGS_FILE="")

    assert said.returncode == 1
    assert "KAMENG_FLAGS_FILE is not set" in said.stderr
