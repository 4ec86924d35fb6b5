"""The SQL files of a history, in order."""

from pathlib import Path

from msgspec import Struct

from kameng.infra.db import Roles

HERE = Path(__file__).parent


class Migration(Struct, frozen=True):
    """One file. `sql` names roles as `@{owner}`, `@{master}` and `@{tenants}`."""

    version: int
    name: str
    sql: str

    def for_roles(self, roles: Roles) -> bytes:
        """The SQL with this deployment's role names, quoted."""
        text = self.sql
        for word, role in (("owner", roles.owner), ("master", roles.master), ("tenants", roles.tenants)):
            text = text.replace("@{" + word + "}", f'"{role}"')
        return text.encode()


def load(history: str, folder: Path = HERE) -> tuple[Migration, ...]:
    """All of `master` or `tenant`. Raises `ValueError` when the versions are not 1, 2, 3, ..."""
    files = sorted((folder / history).glob("*.sql"))
    found = tuple(Migration(int(f.name.split("_")[0]), f.stem, f.read_text(encoding="utf-8")) for f in files)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the versions in {history}/ are not 1 to {len(found)}")
    return found
