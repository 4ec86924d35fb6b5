"""Steps that several tests of prices take."""

from tests.support.staff_client import StaffClient

WHY = {"reason": "a better offer"}


async def applied(operator: StaffClient, path: str) -> str:
    """What the change's page says when it was applied."""
    page = await operator.follow(await operator.post(f"{path}/apply"))
    return page.text
