"""`python -m deploy.frontend`: bundle the front end into `deploy/frontend/dist/`."""

from __future__ import annotations

import json
import sys

from rich.console import Console

from deploy.frontend.bundle import DIST, MANIFEST, BundlingFailed, bundle


def main() -> int:
    """Exit code 0 with the files listed, or 1 with one sentence on standard error."""
    console = Console(highlight=False)
    try:
        bundle(console)
    except BundlingFailed as failed:
        Console(stderr=True, highlight=False).print(f"front end: {failed}", markup=False)
        return 1
    for name, file in sorted(json.loads(MANIFEST.read_text()).items()):
        console.print(f"  {name:<16} {(DIST / file).stat().st_size / 1024:7.1f} KB  {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
