"""Regular expressions of people, in linear time. A station's owner writes the pattern and our workers run it over
100,000 lines; a backtracking matcher could be kept busy for ever by one line (`(a+)+b`). So the common part of the
syntax is read here, made into an automaton (Thompson's construction), and run with its states remembered, one look-up
for each sign.

Understood: literals, `.`, classes `[A-Z0-9_]` and `[^...]`, `\\d \\w \\s \\D \\W \\S`, groups, `|`, and repeats
`* + ? {m} {m,} {m,n}`.
The whole text has to fit; `^` in front and `$` at the end may be written and change nothing.
"""

from collections.abc import Sequence

from msgspec import Struct

LONGEST = 200
MOST_NODES = 1_000
MOST_REMEMBERED = 20_000
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

    def holds(self, sign: str) -> bool:
        point = ord(sign)
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
        self._start, self._end = self._build(_Reader(source).read())
        self._states: dict[frozenset[int], int] = {}
        self._members: list[frozenset[int]] = []
        self._moves: list[dict[str, int]] = []
        self._forget()

    def fits(self, text: str) -> bool:
        """Whether the whole text is of this pattern."""
        state = 0
        for sign in text:
            known = self._moves[state].get(sign)
            state = self._move(state, sign) if known is None else known
            if not self._members[state]:
                return False
        return self._end in self._members[state]

    def _move(self, state: int, sign: str) -> int:
        if len(self._members) * 4 + sum(map(len, self._moves[-50:])) > MOST_REMEMBERED:
            here = self._members[state]
            self._forget()
            state = self._remember(here)
        reached = {
            step[1] for one in self._members[state] if (step := self._steps[one]) is not None and step[0].holds(sign)
        }
        to = self._remember(self._closed(reached))
        self._moves[state][sign] = to
        return to

    def _forget(self) -> None:
        self._states, self._members, self._moves = {}, [], []
        self._remember(self._closed({self._start}))

    def _remember(self, members: frozenset[int]) -> int:
        if members not in self._states:
            self._states[members] = len(self._members)
            self._members.append(members)
            self._moves.append({})
        return self._states[members]

    def _closed(self, states: set[int]) -> frozenset[int]:
        """These, and all that can be reached from them without reading."""
        found, to_do = set(states), list(states)
        while to_do:
            for further in self._free[to_do.pop()]:
                if further not in found:
                    found.add(further)
                    to_do.append(further)
        return frozenset(found)

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
            self._free[first].append(last)
            self._free[last].append(first)
            parts.append((first, last))
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


def _one(sign: str) -> _Signs:
    return _Signs(((ord(sign), ord(sign)),))
