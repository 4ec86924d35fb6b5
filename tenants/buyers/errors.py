"""What can go wrong with a buyer's account."""

from kameng.core.errors import Conflict, NotFound, Refused


class LoginTaken(Conflict):
    message = "This account name is taken. Sign in, or choose another."


class WrongLogin(Refused):
    message = "Account or password is wrong."


class BuyerGone(NotFound):
    message = "There is no such buyer."


class LevelGone(NotFound):
    message = "This level is not there any more."


class LevelNameTaken(Conflict):
    message = "Another level has this name."


class LevelRankTaken(Conflict):
    message = "Another level has this rank."


class LevelInUse(Refused):
    message = "Buyers or products have this level. Give them another one first."


class TooManyLevels(Refused):
    message = "A shop has at most %(most)s levels."
