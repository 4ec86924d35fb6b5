"""Templates that people of a shop write: `Dear {{ buyer }}, order {{ order }} is {{ state }}.`

They are Jinja in a sandbox of which little is left: names from a list, text, `if`, comparisons, and a few filters.
There is no loop, no call, no attribute and no arithmetic, so what a template can cost is bounded by its length, and it
can reach nothing but the texts that it is given.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kameng.core.errors import Refused

LONGEST = 5000
DEEPEST = 20  # ifs within ifs
FILTERS = frozenset({"default", "lower", "trim", "upper"})
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter,
)  # fmt: skip
OPERATORS = frozenset({"eq", "ne", "in", "notin"})
FORMS = {"name_form": "{{ … }}", "if_form": "{% if … %} … {% endif %}"}
BLANK_LINES = re.compile(r"\n{3,}")

_sandbox = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0
)
_sandbox.globals.clear()


class BadWording(Refused):
    """What is wrong with a template, with the line; `field` is the form's field that holds it."""

    message = "Line %(line)s cannot be read. Write a name as %(name_form)s and a condition as %(if_form)s."


class UnknownName(BadWording):
    message = "Line %(line)s: there is no “%(name)s”. Use one of: %(known)s."


class NotAllowed(BadWording):
    message = "Line %(line)s: only names, conditions and the filters %(filters)s can be used in a template."


class TooMuch(BadWording):
    message = "The template is too long: at most %(most)s characters, also when its names are filled in."


def check(template: str, known: Collection[str], *, limit: int = 2000, field: str = "text") -> None:
    """Whether `template` can be used at all, whatever its names stand for. Raises `BadWording`."""
    if len(template) > min(limit, LONGEST):
        raise TooMuch(field=field, most=min(limit, LONGEST))
    try:
        tree = _sandbox.parse(template)
    except TemplateSyntaxError as error:
        raise BadWording(field=field, line=error.lineno, **FORMS) from None
    except RecursionError:
        raise BadWording(field=field, line=1, **FORMS) from None
    for node, depth in _walk(tree, 0):
        if not isinstance(node, ALLOWED) or depth > DEEPEST * 3:
            raise _not_allowed(node, field)
        if isinstance(node, nodes.Operand) and node.op not in OPERATORS:
            raise _not_allowed(node, field)
        if isinstance(node, nodes.Const) and not isinstance(node.value, str | bool):
            raise _not_allowed(node, field)
        if isinstance(node, nodes.Filter) and (node.name not in FILTERS or node.kwargs or node.dyn_args):
            raise _not_allowed(node, field)
        if isinstance(node, nodes.Name) and node.name not in known:
            raise UnknownName(field=field, line=node.lineno, name=node.name, known=", ".join(sorted(known)))


def render(template: str, variables: Mapping[str, str], *, limit: int = 2000, field: str = "text") -> str:
    """`template` with its names filled in, as plain text of at most `limit` characters. Raises `BadWording` (a
    `Refused`), which names the line; `forms.again` puts it at `field`.
    """
    check(template, variables.keys(), limit=limit, field=field)
    said = _compiled(template).render(variables)
    said = BLANK_LINES.sub("\n\n", said).strip()
    if len(said) > limit:
        raise TooMuch(field=field, most=limit)
    return said


@lru_cache(maxsize=256)
def _compiled(template: str):  # type: ignore[no-untyped-def]  # jinja2's Template; the sandbox makes it
    return _sandbox.from_string(template)


def _walk(node: nodes.Node, depth: int) -> Iterator[tuple[nodes.Node, int]]:
    yield node, depth
    for child in node.iter_child_nodes():
        yield from _walk(child, depth + 1)


def _not_allowed(node: nodes.Node, field: str) -> NotAllowed:
    return NotAllowed(field=field, line=node.lineno, filters=", ".join(sorted(FILTERS)))
