"""The bundled front end: files named by their content, held in memory, kept by browsers for ever."""

import gzip
import mimetypes
import re
from pathlib import Path

import msgspec
from msgspec import Struct

PREFIX = "/static"
MANIFEST = "manifest.json"
SPRITES = ("icons.svg", "icons-console.svg")  # the first is the buyers', and what no sprite has is sought in it
SYMBOL = re.compile(rb'<symbol id="([a-z0-9-]+)"')
WORTH_PACKING = ("text/", "application/javascript", "application/json", "image/svg+xml")


class AssetsMissing(Exception):
    """The front end has not been bundled; the message is one sentence for the person at the terminal."""


class Asset(Struct, frozen=True):
    """One file. `packed` is its gzip form where that is smaller."""

    media_type: str
    body: bytes
    packed: bytes | None


class Assets:
    """The files that a manifest lists: logical name (`storefront.css`) to file name
    (`storefront-4WQX2L7A.css`).
    """

    def __init__(self, manifest: dict[str, str], files: dict[str, Asset]) -> None:
        self._manifest = manifest
        self._files = files
        self._sprite_of = {
            name.decode(): manifest[sprite]
            for sprite in reversed(SPRITES)
            if sprite in manifest
            for name in SYMBOL.findall(files[manifest[sprite]].body)
        }

    @classmethod
    def read(cls, folder: Path) -> "Assets":
        """Everything in `folder`. Raises `AssetsMissing` when there is no manifest."""
        try:
            manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            raise AssetsMissing(f"The front end is not bundled: {folder} holds no {MANIFEST}.") from None
        return cls(manifest, {name: _asset(folder / name) for name in manifest.values()})

    @classmethod
    def none(cls) -> "Assets":
        """For an application without pages."""
        return cls({}, {})

    def url(self, name: str) -> str:
        """The address of the file with this logical name. Raises `AssetsMissing`."""
        try:
            return f"{PREFIX}/{self._manifest[name]}"
        except KeyError:
            raise AssetsMissing(f"The front end's manifest has no {name}.") from None

    def icon_url(self, name: str) -> str:
        """The address of an icon in the sprite that has it. Raises `AssetsMissing`."""
        sprite = self._sprite_of.get(name)
        return f"{PREFIX}/{sprite}#{name}" if sprite else f"{self.url(SPRITES[0])}#{name}"

    def file(self, name: str) -> Asset | None:
        return self._files.get(name)


def _asset(path: Path) -> Asset:
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    body = path.read_bytes()
    packed = gzip.compress(body, mtime=0) if media_type.startswith(WORTH_PACKING) else None
    return Asset(media_type, body, packed if packed and len(packed) < len(body) else None)
