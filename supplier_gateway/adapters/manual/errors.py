"""What can go wrong with a task that a person works on."""

from kameng.core.errors import Conflict, NotFound


class TaskGone(NotFound):
    message = "There is no such task."


class TaskSettled(Conflict):
    message = "This task has been settled already."


class TaskTaken(Conflict):
    message = "%(person)s is at this task."
