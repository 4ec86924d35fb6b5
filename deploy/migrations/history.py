"""The SQL files of a history, in order."""

import re
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from kameng.infra.db import Roles

HERE = Path(__file__).parent
MINIMUM = re.compile(r"^-- minimum: (\d+)$", re.MULTILINE)


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

    @property
    def minimum(self) -> int:
        """The version that a schema must have for the program that ships with this file: this one, unless the file
        says `-- minimum: N`, because the program does without what it adds. Raises `ValueError`."""
        said = MINIMUM.search(self.sql)
        version = int(said.group(1)) if said else self.version
        if not 1 <= version <= self.version:
            raise ValueError(f"{self.name}: its minimum is not 1 to {self.version}")
        return version


def load(history: str, folder: Path = HERE) -> tuple[Migration, ...]:
    """All of `master` or `tenant`. Raises `ValueError` when the versions are not 1, 2, 3, ..."""
    files = sorted((folder / history).glob("*.sql"))
    found = tuple(Migration(int(f.name.split("_")[0]), f.stem, f.read_text(encoding="utf-8")) for f in files)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the versions in {history}/ are not 1 to {len(found)}")
    return found


def minimum_of(history: Sequence[Migration]) -> int:
    """The lowest version of a tenant's schema that this program can serve; 0 without files."""
    return max((migration.minimum for migration in history), default=0)
