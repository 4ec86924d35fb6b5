"""What can be wrong with a flag."""

from kameng.core.errors import NotFound, Refused


class FlagGone(NotFound):
    message = "There is no such feature."


class FlagFixed(Refused):
    message = "The master has fixed this feature, so it was not changed."


class FlagsFileMissing(Refused):
    message = "KAMENG_FLAGS_FILE is not set, so there is no kill switch."


class FlagsFileWrong(Refused):
    message = "The file of the kill switch is not in order: %(problem)s"
