"""Regular expressions of people, in linear time. A station's owner writes the pattern and our workers run it over
100,000 lines; a backtracking matcher could be kept busy for ever by one line (`(a+)+b`). So the common part of the
syntax is read here and made into an automaton (Thompson's construction), and that into a table of all that it can do
(the subset construction), which takes one look-up for each sign. A pattern whose table is too large is refused.

Understood: literals, `.`, classes `[A-Z0-9_]` and `[^...]`, `\\d \\w \\s \\D \\W \\S`, groups, `|`, and repeats
`* + ? {m} {m,} {m,n}`.
The whole text has to fit; `^` in front and `$` at the end may be written and change nothing.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

LONGEST = 200
MOST_NODES = 1_000
MOST_MOVES, MOST_WORK = 20_000, 1_000_000  # of what is made of a pattern before a text is read: 80 KB, 0.2 s
DEAD = -1
MOST_REPEATS = 500
META = "\\.[]()|*+?{}^$"


class BadPattern(ValueError):
    """The pattern cannot be read from this sign on, counted from 1, or it is too large (0)."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _Signs(Struct, frozen=True):
    """A set of signs: ranges of code points, or all but those."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False

    def holds(self, point: int) -> bool:
        return any(low <= point <= high for low, high in self.ranges) != self.negated


class _Chain(Struct, frozen=True):
    parts: tuple["_Node", ...]


class _Choice(Struct, frozen=True):
    ways: tuple["_Node", ...]


class _Repeat(Struct, frozen=True):
    """`most` None: without end."""

    part: "_Node"
    least: int
    most: int | None


_Node = _Signs | _Chain | _Choice | _Repeat

DIGITS = ((48, 57),)
WORD = (*DIGITS, (65, 90), (95, 95), (97, 122))
SPACE = ((9, 13), (32, 32), (0x3000, 0x3000))
ESCAPES = {
    "d": _Signs(DIGITS),
    "D": _Signs(DIGITS, True),
    "w": _Signs(WORD),
    "W": _Signs(WORD, True),
    "s": _Signs(SPACE),
    "S": _Signs(SPACE, True),
}
ANY = _Signs((), True)


class Pattern:
    """A pattern that has been read. Raises `BadPattern`."""

    def __init__(self, source: str) -> None:
        if len(source) > LONGEST:
            raise BadPattern(0)
        self._steps: list[tuple[_Signs, int] | None] = []  # what a state reads, and where that leads
        self._free: list[list[int]] = []  # where it leads without reading
        self._closures: dict[int, int] = {}
        start, self._end = self._build(_Reader(source).read())
        self._begins = _borders(step[0] for step in self._steps if step)
        self._plain = {chr(point): self._kind(point) for point in range(128)}
        self._table, self._ends = self._determined(start)

    def fits(self, text: str) -> bool:
        """Whether the whole text is of this pattern."""
        plain, table, at = self._plain, self._table, 0
        for sign in text:
            kind = plain.get(sign)
            at = table[at + (self._kind(ord(sign)) if kind is None else kind)]
            if at == DEAD:
                return False
        return at in self._ends

    def _kind(self, point: int) -> int:
        return bisect_right(self._begins, point) - 1

    def _determined(self, start: int) -> tuple["array[int]", frozenset[int]]:
        """A row for each set of states that can be reached: with each kind of sign, where the row begins that follows;
        and the rows at which a text may end. All is known before a text is read, so that none takes longer than
        another: `[ab]*a[ab]{240}` has more sets than there are atoms, and is refused."""
        width = len(self._begins)
        kinds = [tuple(kind for kind, point in enumerate(self._begins) if step and step[0].holds(point))
                 for step in self._steps]  # fmt: skip
        known, to_do, table, work = {(first := self._closed(start)): 0}, [first], array("i"), 0
        for members in to_do:
            reached = [0] * width
            for state in _states_in(members):
                step = self._steps[state]
                further = self._closed(step[1]) if step else 0
                work += 1 + len(kinds[state])
                for kind in kinds[state]:
                    reached[kind] |= further
            for found in reached:
                if found and found not in known:
                    known[found] = len(known) * width
                    to_do.append(found)
            if work > MOST_WORK or len(known) * width > MOST_MOVES:
                raise BadPattern(0)
            table.extend(known[found] if found else DEAD for found in reached)
        return table, frozenset(at for members, at in known.items() if members >> self._end & 1)

    def _closed(self, state: int) -> int:
        """The state, and all that can be reached from it without reading; a set as the bits of a number."""
        if state not in self._closures:
            found, to_do = {state}, [state]
            while to_do:
                for further in self._free[to_do.pop()]:
                    if further not in found:
                        found.add(further)
                        to_do.append(further)
            self._closures[state] = sum(1 << one for one in found if self._steps[one] or one == self._end)
        return self._closures[state]

    def _state(self) -> int:
        if len(self._steps) >= MOST_NODES:
            raise BadPattern(0)
        self._steps.append(None)
        self._free.append([])
        return len(self._steps) - 1

    def _build(self, node: _Node) -> tuple[int, int]:
        """The states at which a part begins and ends."""
        if isinstance(node, _Signs):
            start, end = self._state(), self._state()
            self._steps[start] = (node, end)
            return start, end
        if isinstance(node, _Chain):
            return self._chained([self._build(part) for part in node.parts])
        if isinstance(node, _Choice):
            start, end = self._state(), self._state()
            for way in node.ways:
                first, last = self._build(way)
                self._free[start].append(first)
                self._free[last].append(end)
            return start, end
        return self._repeated(node)

    def _repeated(self, node: _Repeat) -> tuple[int, int]:
        parts = [self._build(node.part) for _ in range(node.least)]
        if node.most is None:
            first, last = self._build(node.part)
            start, end = self._state(), self._state()
            self._free[start] += [first, end]
            self._free[last] += [first, end]
            parts.append((start, end))
        else:
            for _ in range(node.most - node.least):
                first, last = self._build(node.part)
                start, end = self._state(), self._state()
                self._free[start] += [first, end]
                self._free[last].append(end)
                parts.append((start, end))
        return self._chained(parts)

    def _chained(self, parts: Sequence[tuple[int, int]]) -> tuple[int, int]:
        start = end = self._state()
        for first, last in parts:
            self._free[end].append(first)
            end = last
        return start, end


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0

    def read(self) -> _Node:
        if self._next() == "^":
            self.at += 1
        if self.source.endswith("$") and not self.source.endswith("\\$"):
            self.source = self.source[:-1]
        found = self._choice()
        if self.at < len(self.source):
            raise BadPattern(self.at + 1)
        return found

    def _next(self) -> str:
        return self.source[self.at] if self.at < len(self.source) else ""

    def _take(self) -> str:
        sign = self._next()
        if not sign:
            raise BadPattern(self.at + 1)
        self.at += 1
        return sign

    def _choice(self) -> _Node:
        ways = [self._chain()]
        while self._next() == "|":
            self.at += 1
            ways.append(self._chain())
        return ways[0] if len(ways) == 1 else _Choice(tuple(ways))

    def _chain(self) -> _Node:
        parts: list[_Node] = []
        while self._next() and self._next() not in "|)":
            parts.append(self._repeat(self._atom()))
        return _Chain(tuple(parts))

    def _atom(self) -> _Node:
        sign = self._take()
        if sign == "(":
            if self.source[self.at : self.at + 2] == "?:":
                self.at += 2
            found = self._choice()
            if self._take() != ")":
                raise BadPattern(self.at)
            return found
        if sign == "[":
            return self._class()
        if sign == "\\":
            return self._escape()
        if sign == ".":
            return ANY
        if sign in META:
            raise BadPattern(self.at)
        return _one(sign)

    def _escape(self) -> _Signs:
        sign = self._take()
        if sign in ESCAPES:
            return ESCAPES[sign]
        if sign.isalnum():
            raise BadPattern(self.at)
        return _one(sign)

    def _class(self) -> _Signs:
        negated = self._next() == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        while (sign := self._take()) != "]" or not ranges:
            found = self._escape() if sign == "\\" else _one(sign)
            if found.negated:
                raise BadPattern(self.at)
            is_range = self._next() == "-" and self.source[self.at + 1 : self.at + 2] not in ("", "]")
            if is_range and len(found.ranges) == 1 and found.ranges[0][0] == found.ranges[0][1]:
                self.at += 1
                last = self._take()
                high = self._escape() if last == "\\" else _one(last)
                if len(high.ranges) != 1 or high.ranges[0][1] < found.ranges[0][0]:
                    raise BadPattern(self.at)
                ranges.append((found.ranges[0][0], high.ranges[0][1]))
            else:
                ranges += found.ranges
        return _Signs(tuple(ranges), negated)

    def _repeat(self, part: _Node) -> _Node:
        sign = self._next()
        if sign and sign in "*+?":
            self.at += 1
            return _Repeat(part, 1 if sign == "+" else 0, 1 if sign == "?" else None)
        if sign != "{":
            return part
        self.at += 1
        least = self._number()
        most: int | None = least
        if self._next() == ",":
            self.at += 1
            most = None if self._next() == "}" else self._number()
        if self._take() != "}" or (most is not None and most < least):
            raise BadPattern(self.at)
        return _Repeat(part, least, most)

    def _number(self) -> int:
        begins = self.at
        while self._next().isascii() and self._next().isdigit():
            self.at += 1
        digits = self.source[begins : self.at]
        if not 1 <= len(digits) <= 3 or int(digits) > MOST_REPEATS:
            raise BadPattern(begins + 1)
        return int(digits)


def _borders(read: Iterable[_Signs]) -> list[int]:
    """The code points at which another kind of sign begins: of one kind are those that no part of a pattern tells
    apart."""
    return sorted({0} | {point for signs in read for low, high in signs.ranges for point in (low, high + 1)})


def _states_in(members: int) -> Iterator[int]:
    while members:
        lowest = members & -members
        yield lowest.bit_length() - 1
        members ^= lowest


def _one(sign: str) -> _Signs:
    return _Signs(((ord(sign), ord(sign)),))
