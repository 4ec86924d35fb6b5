"""Messages to machines and chats: Telegram's Bot API, and webhooks signed as Standard Webhooks are.

What became of a message is an `Answer`, never an exception. The difference that matters is between `AGAIN` (the other
side has surely not taken it) and `UNKNOWN` (it may have).
"""

import base64
import binascii
import hashlib
import hmac
import os
from enum import StrEnum
from urllib.parse import quote

import msgspec
from msgspec import Struct

from kameng.infra import mail
from kameng.infra.http import AddressForbidden, BadAnswer, NoAnswer, NotSent, Outbound, OutboundError, Reply
from kameng.infra.mail import Mail, NotTaken, Rejected, Unsure

TIMEOUT_S = 10.0
LONGEST_MESSAGE = 4096  # characters, Telegram's
LONGEST_ANSWER = 300
SECRET_PREFIX = "whsec_"  # noqa: S105 - what the specification has every key begin with
SECRET_BYTES = 32


class Outcome(StrEnum):
    """`REFUSED` will not be different next time."""

    SENT = "sent"
    UNKNOWN = "unknown"
    AGAIN = "again"
    REFUSED = "refused"


class Answer(Struct, frozen=True):
    """`code` is a word of ours for what happened, `said` what the other side answered; `after_s` when to come back at
    the soonest."""

    outcome: Outcome
    code: str
    said: str = ""
    after_s: float = 0.0


class _Parameters(Struct, frozen=True):
    retry_after: float = 0.0


class _Telegram(Struct, frozen=True):
    """https://core.telegram.org/bots/api#making-requests"""

    ok: bool
    description: str = ""
    parameters: _Parameters = _Parameters()


async def telegram(outbound: Outbound, base_url: str, token: str, chat: str, text: str) -> Answer:
    """`sendMessage` as plain text. https://core.telegram.org/bots/api#sendmessage"""
    url = f"{base_url.rstrip('/')}/bot{quote(token, safe=':')}/sendMessage"
    body = {"chat_id": chat, "text": text[:LONGEST_MESSAGE], "link_preview_options": {"is_disabled": True}}
    try:
        reply = await outbound.request("POST", url, json=body, timeout_s=TIMEOUT_S)
        told = reply.json(_Telegram)
    except (NoAnswer, BadAnswer) as error:
        return Answer(Outcome.UNKNOWN, "no_answer", str(error)[:LONGEST_ANSWER])
    except NotSent as error:
        return _not_sent(error)
    said = f"{reply.status} {told.description}".strip()[:LONGEST_ANSWER]
    if told.ok and reply.status < 300:
        return Answer(Outcome.SENT, "taken", said)
    if reply.status == 429:
        return Answer(Outcome.AGAIN, "too_many", said, told.parameters.retry_after)
    if reply.status >= 500:
        return Answer(Outcome.UNKNOWN, "other_side_fails", said)
    code = {401: "wrong_token", 404: "wrong_token", 403: "shut_out", 400: "wrong_chat"}.get(reply.status, "refused")
    return Answer(Outcome.REFUSED, code, said)


def new_secret() -> str:
    """A signing key as both sides keep it."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def is_signed(secret: str, message_id: str, timestamp: str, body: bytes, sent: str) -> bool:
    """Whether one of the signatures in a header is right: the receiving side's check."""
    try:
        right = signature(secret, message_id, int(timestamp), body)
    except (ValueError, binascii.Error):
        return False
    return any(hmac.compare_digest(right.encode(), one.encode()) for one in sent.split(" "))


async def webhook(
    outbound: Outbound, url: str, secret: str, message_id: str, timestamp: int, content: object
) -> Answer:
    """Posts `content` as JSON. The same `message_id` may come again: the receiver drops what it has had."""
    body = msgspec.json.encode(content)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }
    try:
        reply = await outbound.request(
            "POST", url, content=body, headers=headers, timeout_s=TIMEOUT_S, max_body_bytes=64 * 1024
        )
    except NotSent as error:
        return _not_sent(error)
    except OutboundError as error:
        return Answer(Outcome.AGAIN, "no_answer", str(error)[:LONGEST_ANSWER])  # its id makes a second one harmless
    said = _said(reply)
    if 200 <= reply.status < 300:
        return Answer(Outcome.SENT, "taken", said)
    if reply.status == 410:  # the specification's word for "never again"
        return Answer(Outcome.REFUSED, "gone", said)
    return Answer(Outcome.AGAIN, "not_taken", said, _retry_after(reply))


async def letter(smtp_url: str, written: Mail) -> Answer:
    """Hands a letter over."""
    if not smtp_url:
        return Answer(Outcome.REFUSED, "no_mail_server")
    try:
        await mail.send(smtp_url, written)
    except Unsure as error:
        return Answer(Outcome.UNKNOWN, "no_answer", str(error)[:LONGEST_ANSWER])
    except NotTaken as error:
        return Answer(Outcome.AGAIN, "not_taken", str(error)[:LONGEST_ANSWER])
    except Rejected as error:
        return Answer(Outcome.REFUSED, "refused", str(error)[:LONGEST_ANSWER])
    return Answer(Outcome.SENT, "taken")


def _not_sent(error: NotSent) -> Answer:
    if isinstance(error, AddressForbidden):
        return Answer(Outcome.REFUSED, "private_address", str(error)[:LONGEST_ANSWER])
    return Answer(Outcome.AGAIN, "unreachable", str(error)[:LONGEST_ANSWER])


def _said(reply: Reply) -> str:
    """The beginning of an answer in one line, for the log page."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in reply.text[:1000]).split())
    return f"{reply.status} {words}".strip()[:LONGEST_ANSWER]


def _retry_after(reply: Reply) -> float:
    """Seconds of a `Retry-After`; a date, or nonsense, counts as none. At most an hour."""
    said = reply.headers.get("retry-after", "")
    return min(float(said), 3600.0) if said.isascii() and said.isdigit() and len(said) < 6 else 0.0
