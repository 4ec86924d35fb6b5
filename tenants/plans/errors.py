"""What can go wrong with a plan."""

from kameng.core.errors import Conflict, NotFound, Refused


class PlanGone(NotFound):
    message = "There is no such plan."


class PlanNameTaken(Conflict):
    message = "There is a plan of this name already."


class PlanNotForYou(Refused):
    message = "This plan is not offered at the moment."


class SamePlan(Refused):
    message = "This is the plan already."


class NoPlan(Refused):
    message = "This station has no plan, so there is nothing to pay."


class CannotChange(Refused):
    message = "A station that is closing keeps its plan."


class DepositTooSmall(Refused):
    message = "This costs %(needed)s now and the deposit holds %(deposit)s. Pay in first."


class TooManyProducts(Refused):
    message = "The plan allows %(most)s products on sale. Take another one off sale, or choose a larger plan."


class TooManyStaff(Refused):
    message = "The plan allows %(most)s accounts of staff. Remove one, or choose a larger plan."


class PlanTooSmall(Refused):
    """What is used now does not fit into the plan."""


class ProductsDoNotFit(PlanTooSmall):
    message = "%(used)s products are on sale and the plan allows %(most)s. Take some off sale first."


class StaffDoNotFit(PlanTooSmall):
    message = "%(used)s people have an account and the plan allows %(most)s. Remove some first."


class OrdersDoNotFit(PlanTooSmall):
    message = "%(used)s orders were taken this month and the plan allows %(most)s. Change at the end of the month."
