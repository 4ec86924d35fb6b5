"""`python -m kameng.web.i18n extract`: collect the msgids. `... missing`: list what has no translation."""

import sys

from kameng.web.i18n import LOCALES
from kameng.web.i18n.extraction import extract, missing

USAGE = "usage: python -m kameng.web.i18n extract|missing"


def main(arguments: list[str]) -> int:
    """Exit code 0, 1 when `missing` found something, 2 for a wrong call."""
    if arguments == ["extract"]:
        for locale, lacking in extract().items():
            sys.stdout.write(f"{locale}: {lacking} not translated\n")
        return 0
    if arguments == ["missing"]:
        lines = [f"{locale}: {message}\n" for locale in sorted(LOCALES) for message in missing(locale)]
        sys.stdout.writelines(lines)
        return 1 if lines else 0
    sys.stderr.write(f"{USAGE}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
