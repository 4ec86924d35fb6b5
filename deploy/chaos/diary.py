"""What people write down of what they did and heard."""

from collections import Counter

from deploy.chaos.history import Given, Handed, Request


class Diary:
    """What the people of one history have lived through."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.given: list[Given] = []
        self.handed: list[Handed] = []
        self.timeouts = 0
        self.faults: Counter[str] = Counter()
