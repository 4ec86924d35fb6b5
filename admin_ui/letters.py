"""Letters that follow what happened, in the words and from the host of the station that they are about."""

from kameng.identity import invitations
from kameng.identity.invitations import InvitationGone, InvitationMade
from kameng.infra import mail
from kameng.infra.mail import Mail, NotTaken, Rejected
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant
from kameng.web import i18n
from kameng.web.i18n import gettext
from kameng.web.pages import when
from kameng.web.people import role_title
from kameng.web.site import MASTER, Site

AGAIN_S = 60.0


@follows(InvitationMade)
async def send_invitation(event: InvitationMade, tenant: Tenant | None, runtime: Runtime) -> None:  # noqa: ARG001 - a follower
    """The link in the letter is another than the one that was shown; a letter sent twice carries two, and the last one
    counts. Nothing is sent of an invitation that was revoked or taken up meanwhile, or without a server.
    """
    if not runtime.settings.smtp_url:
        return
    try:
        async with runtime.database.master_session() as session:
            invitation = await invitations.valid(session, event.id)
            token = await invitations.write_letter(session, event.id)
    except InvitationGone:
        return
    site: Site = MASTER
    host, path = runtime.settings.master_host, "/join"
    if invitation.tenant_id is not None:
        station = await runtime.directory.tenant(invitation.tenant_id)
        site, host, path = station, station.host, "/console/join"
    i18n.use(site.locale, site.time_zone)
    text = gettext(
        "%(name)s,\n\n%(by)s invites you to work at %(site)s as: %(role)s.\n\nOpen this link to accept:\n%(link)s\n\n"
        "It can be used once, until %(until)s. If you did not expect this letter, throw it away.\n",
        name=invitation.name,
        by=invitation.invited_by,
        site=site.name,
        role=role_title(invitation.role, invitation.role_name),
        link=f"{runtime.settings.base_url(host)}{path}?token={token}",
        until=when(invitation.expires_at),
    )
    subject = gettext("Invitation to %(site)s", site=site.name)
    letter = Mail(sender_name=site.name, host=host, to=invitation.email, subject=subject, text=text)
    try:
        await mail.send(runtime.settings.smtp_url, letter)
    except NotTaken as error:
        raise Later(AGAIN_S, str(error)) from error
    except Rejected as error:
        failure = str(error)
    else:
        failure = ""
    async with runtime.database.master_session() as session:
        await invitations.note_letter(session, event.id, failure)
