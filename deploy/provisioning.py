"""What stations are opened with: the administrator's connection and the script that makes a tenant's schema."""

from deploy.migrations import at_once
from deploy.migrations.runner import login_of
from kameng.infra.db import roles_of
from kameng.infra.settings import Settings
from tenants.registry.provisioning import Provisioner


def provisioner(settings: Settings) -> Provisioner:
    """For the master's console, the command line, seeds and measurements."""
    roles = roles_of(settings)
    return Provisioner(
        settings=settings,
        roles=roles,
        login=login_of(settings.database_url),
        script=at_once.opening(roles),
    )
