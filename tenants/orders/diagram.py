"""The table of states, drawn: `python -m tenants.orders.diagram` writes it into docs/orders.md."""

from pathlib import Path

from tenants.orders.states import EDGES, State

DOCUMENT = Path(__file__).parents[2] / "docs" / "orders.md"
BEGIN, END = "<!-- drawn by tenants.orders.diagram -->", "<!-- end -->"


def draw() -> str:
    """The states and edges as a Mermaid diagram."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {first}" for first in (State.UNPAID, State.PAID, State.DELIVERED)]
    for state, after in EDGES.items():
        lines += [f"    {state} --> {target}" for target in State if target in after]
    lines += [f"    {state} --> [*]" for state, after in EDGES.items() if not after]
    return "\n".join([*lines, "```"])


def drawn_into(document: str) -> str:
    """The document with the diagram of now between its marks."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{draw()}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(drawn_into(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
