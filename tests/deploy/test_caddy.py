"""What Caddy reads: the folder of hosts, by command and by the worker, and the configuration that looks into it."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from kameng.infra import settings as settings_door
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from tenants.domains import service, tasks
from tests.deploy.test_commands import kameng
from tests.support.house import open_shop, work_off
from tests.support.processes import ROOT
from tests.tenants.domains.conftest import Domains, domains, fresh, here, names

__all__ = ["domains", "fresh", "here", "names"]

Fresh = Callable[[], str]
CADDYFILE = ROOT / "deploy/caddy/Caddyfile"


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def writing_to(domains: Domains, folder: Path) -> Domains:
    settings = msgspec.structs.replace(domains.runtime.settings, hosts_folder=str(folder))
    return Domains(msgspec.structs.replace(domains.runtime, settings=settings), domains.names)


async def test_the_command_writes_a_file_for_each_served_host_and_removes_the_others(
    domains: Domains, settings: Settings, runtime: Runtime, tmp_path: Path, fresh: Fresh
) -> None:
    shop, domain, folder = await open_shop(runtime), fresh(), tmp_path / "made/by/it"
    await domains.served(shop, domain)
    claim = await domains.claim(shop, fresh())

    first = kameng(settings, "hosts", "export", str(folder))
    (folder / "gone.example.com").touch()
    (folder / "not-empty.example.com").write_text("somebody's")
    (folder / "README").touch()
    (folder / "folder.example.com").mkdir()
    second = kameng(settings, "hosts", "export", KAMENG_HOSTS_FOLDER=str(folder))

    assert first.returncode == 0, first.stderr
    assert "0 added, 1 removed" in second.stdout
    found = files(folder)
    assert {shop.tenant.host, domain, "master.localhost"} <= found
    assert {"not-empty.example.com", "README", "folder.example.com"} <= found
    assert not {"gone.example.com", claim.host} & found
    assert not (folder / domain).read_bytes()


def test_the_command_without_a_folder_says_what_is_missing(settings: Settings) -> None:
    said = kameng(settings, "hosts", "export")

    assert said.returncode == 1
    assert "KAMENG_HOSTS_FOLDER" in said.stderr


async def test_a_host_stands_in_the_folder_as_soon_as_it_is_served_and_goes_when_it_is_removed(
    domains: Domains, runtime: Runtime, tmp_path: Path, fresh: Fresh
) -> None:
    shop, domain, writing = await open_shop(runtime), fresh(), writing_to(domains, tmp_path)
    await writing.served(shop, domain)
    await work_off(writing.runtime)
    assert domain in files(tmp_path)

    async with shop.tenant.begin() as session:
        await service.remove(session, writing.runtime.settings, shop.tenant.id, domain)
    await work_off(writing.runtime)

    assert domain not in files(tmp_path)
    assert shop.tenant.host in files(tmp_path)


async def test_the_folder_is_put_right_by_itself(domains: Domains, runtime: Runtime, tmp_path: Path) -> None:
    shop, writing = await open_shop(runtime), writing_to(domains, tmp_path)
    (tmp_path / "stale.example.com").touch()
    await tasks.reconcile_folder(writing.runtime)
    assert shop.tenant.host in files(tmp_path)
    assert "stale.example.com" not in files(tmp_path)
    (tmp_path / shop.tenant.host).unlink()
    await domains.age("UPDATE tenants SET state = 'closed' WHERE id = :id", id=shop.tenant.id)

    await tasks.reconcile_folder(writing.runtime)

    assert shop.tenant.host not in files(tmp_path)


def test_caddy_looks_into_the_folder_and_at_nothing_else() -> None:
    """That it works was tried with Caddy itself (docs/hosts.md); this keeps the names from drifting apart."""
    text = CADDYFILE.read_text()
    known = set(settings_door.to_environ(Settings(database_url="", redis_url="", secret_key="", vault_key="")))

    assert text.count("root {$KAMENG_HOSTS_FOLDER}") == 2
    assert set(re.findall(r"KAMENG_[A-Z_]+", text)) - known == {"KAMENG_UPSTREAM", "KAMENG_ACME_EMAIL"}
    assert "event-stream" not in text.partition("encode {")[2].partition("reverse_proxy")[0]
