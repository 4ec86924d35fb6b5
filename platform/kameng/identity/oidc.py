"""OpenID Connect, the client's side: authorization code with PKCE (RFC 7636), state and nonce.

What is sent is written by Authlib, what comes back is checked by joserfc, and everything goes through the process's own
door to other servers (`kameng.infra.http`), which keeps to public addresses, time limits and sizes. The state is kept
in Redis under a hash of it and can be used once. Rules of the identity token: OpenID Connect Core 1.0, section 3.1.3.7;
of the `iss` parameter: RFC 9207.
"""

import hashlib
import secrets
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote, urlsplit
from uuid import UUID

import msgspec
import structlog
from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]  # Authlib has no types
from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]  # as above
from authlib.oauth2.rfc6749.parameters import prepare_token_request  # type: ignore[import-untyped]  # as above
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import Struct
from redis.asyncio import Redis

from kameng.core.errors import Refused
from kameng.identity.providers import Provider
from kameng.identity.tickets import Proof
from kameng.infra.http import Outbound, OutboundError
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings

log = structlog.get_logger()

CALLBACK = "/oidc/callback"
SCOPE = "openid profile email"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
WELL_KNOWN = "/.well-known/openid-configuration"
FLOW_S = 600
LEEWAY_S = 60
OLDEST_S = 600  # an identity token was made for this sign-in, so moments ago
REMEMBERED_S = 600
REFETCH_AFTER_S = 10
TIMEOUT_S = 8.0
LONGEST_SUBJECT = 255


class OidcFailed(Refused):
    """The provider did not vouch for the person, or not in a way that can be believed. The log says why."""

    message = "The sign-in did not work: the identity provider gave no answer that could be trusted. Try again."


class FlowGone(Refused):
    """Used before, older than ten minutes, or never begun here."""

    message = "This sign-in has been used or is too old. Begin again."


class ProviderUnusable(Refused):
    """`%(why)s` is for the operator, in plain English from the protocol."""

    message = "The provider cannot be used: %(why)s."


class Discovered(Struct, frozen=True):
    """What is needed of a provider's own description (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    authorization_response_iss_parameter_supported: bool = False


class Flow(Struct, frozen=True, kw_only=True):
    """A sign-in under way, as Redis keeps it. `browser` is the hash of a secret in a cookie of the host it began on."""

    issuer: str
    verifier: str
    nonce: str
    tenant_id: int | None
    wish: Literal["sign_in", "join", "link"]
    browser: str
    staff_id: UUID | None = None
    invitation_id: UUID | None = None
    next: str = ""


class _Description(Struct):
    fetched_at: float
    discovered: Discovered
    keys: KeySet


class _TokenAnswer(Struct):
    id_token: str


_known: dict[str, _Description] = {}


def redirect_address(settings: Settings) -> str:
    """The one address that the provider is told to send people back to."""
    return settings.base_url(settings.master_host) + CALLBACK


async def discover(outbound: Outbound, issuer: str, *, allow_plain: bool) -> Discovered:
    """The provider's description. `allow_plain` lets it be without TLS, on loopback. Raises `ProviderUnusable`."""
    address = issuer.rstrip("/") + WELL_KNOWN
    _check_address(issuer, "issuer", allow_plain)
    try:
        reply = await outbound.request("GET", address, timeout_s=TIMEOUT_S)
        if reply.status != 200:
            raise ProviderUnusable(why=f"{WELL_KNOWN} answers {reply.status}")
        found = reply.json(Discovered)
    except OutboundError as error:
        raise ProviderUnusable(why=str(error)) from error
    if found.issuer != issuer:
        raise ProviderUnusable(why=f"it calls itself {found.issuer[:100]}")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        _check_address(getattr(found, name), name, allow_plain)
    if not set(found.id_token_signing_alg_values_supported) & set(ALGORITHMS):
        raise ProviderUnusable(why="it signs with none of the algorithms that we accept")
    return found


async def fetch_keys(outbound: Outbound, jwks_uri: str) -> KeySet:
    """The keys that a provider signs with. Raises `ProviderUnusable`."""
    try:
        reply = await outbound.request("GET", jwks_uri, timeout_s=TIMEOUT_S)
        keys = KeySet.import_key_set(reply.json(dict[str, Any]))  # type: ignore[arg-type]  # JSON that it checks itself
    except OutboundError as error:
        raise ProviderUnusable(why=str(error)) from error
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ProviderUnusable(why="its keys cannot be read") from error
    return keys


async def begin(runtime: Runtime, provider: Provider, flow: Flow) -> str:
    """Keeps `flow`, and returns the provider's address to go to. Raises `ProviderUnusable`."""
    described = await _describe(runtime, provider.issuer)
    state = secrets.token_urlsafe(32)
    client = OAuth2Client(
        session=None,
        client_id=provider.client_id,
        scope=SCOPE,
        redirect_uri=redirect_address(runtime.settings),
        code_challenge_method="S256",
    )
    address, _ = client.create_authorization_url(
        described.discovered.authorization_endpoint, state=state, code_verifier=flow.verifier, nonce=flow.nonce
    )
    await runtime.redis.set(_key(state), msgspec.msgpack.encode(flow), ex=FLOW_S)
    return str(address)


def new_flow(
    provider: Provider,
    tenant_id: int | None,
    wish: Literal["sign_in", "join", "link"],
    browser_secret: str,
    *,
    staff_id: UUID | None = None,
    invitation_id: UUID | None = None,
    next: str = "",
) -> Flow:
    """With a fresh verifier and nonce."""
    return Flow(
        issuer=provider.issuer,
        verifier=secrets.token_urlsafe(48),
        nonce=secrets.token_urlsafe(32),
        tenant_id=tenant_id,
        wish=wish,
        browser=browser_hash(browser_secret),
        staff_id=staff_id,
        invitation_id=invitation_id,
        next=next,
    )


async def take_flow(redis: Redis, state: str) -> Flow:
    """The sign-in that this state began; a second call finds nothing. Raises `FlowGone`."""
    stored = await redis.getdel(_key(state))
    if not isinstance(stored, bytes):
        raise FlowGone
    return msgspec.msgpack.decode(stored, type=Flow)


async def prove(runtime: Runtime, provider: Provider, flow: Flow, answer: Mapping[str, str]) -> Proof:
    """Who it is, from what the provider sent along with the person (`code`, `iss`, or `error`). Raises `OidcFailed`."""
    try:
        described = await _describe(runtime, provider.issuer)
        _check_answer(described.discovered, flow, provider, answer)
        id_token = await _exchange(runtime, provider, described.discovered, flow, answer["code"])
        claims = await _verified(runtime, provider, described, id_token, flow.nonce)
    except (ProviderUnusable, _Distrusted) as error:
        log.warning("oidc_failed", issuer=provider.issuer, why=str(error))
        raise OidcFailed from error
    return Proof(
        issuer=provider.issuer,
        subject=claims["sub"],
        label=_label(claims),
        wish=flow.wish,
        browser=flow.browser,
        staff_id=flow.staff_id,
        invitation_id=flow.invitation_id,
        next=flow.next,
    )


def browser_hash(secret: str) -> str:
    """What is kept of the secret in the browser's cookie."""
    return hashlib.sha256(secret.encode()).hexdigest()


class _Distrusted(Exception):
    """Why an answer is not believed, for the log."""


def _check_answer(described: Discovered, flow: Flow, provider: Provider, answer: Mapping[str, str]) -> None:
    if flow.issuer != provider.issuer:
        raise _Distrusted("the provider was changed meanwhile")
    issuer = answer.get("iss")
    if issuer != provider.issuer and (issuer or described.authorization_response_iss_parameter_supported):
        raise _Distrusted("another issuer answers")
    if answer.get("error"):
        raise _Distrusted(f"error {answer['error'][:100]}")
    if not answer.get("code"):
        raise _Distrusted("no code")


async def _exchange(runtime: Runtime, provider: Provider, described: Discovered, flow: Flow, code: str) -> str:
    """The identity token for a code."""
    address, headers, body = _client_auth(provider, described).prepare(
        "POST",
        described.token_endpoint,
        {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
        prepare_token_request(
            "authorization_code",
            code=code,
            redirect_uri=redirect_address(runtime.settings),
            code_verifier=flow.verifier,
        ),
    )
    try:
        reply = await runtime.upstream.request(
            "POST", address, content=body.encode(), headers=headers, timeout_s=TIMEOUT_S
        )
        if reply.status != 200:
            raise _Distrusted(f"the token endpoint answers {reply.status}")
        return reply.json(_TokenAnswer).id_token
    except OutboundError as error:
        raise _Distrusted(str(error)) from error


def _client_auth(provider: Provider, described: Discovered) -> ClientAuth:
    """Authlib takes what goes into the Basic header as it is; RFC 6749, section 2.3.1 has it encoded first."""
    if "client_secret_basic" in described.token_endpoint_auth_methods_supported:
        client_id, secret = quote(provider.client_id, safe=""), quote(provider.client_secret, safe="")
        return ClientAuth(client_id, secret, "client_secret_basic")
    return ClientAuth(provider.client_id, provider.client_secret, "client_secret_post")


async def _verified(
    runtime: Runtime, provider: Provider, described: _Description, id_token: str, nonce: str
) -> dict[str, Any]:
    """The claims of a token that is signed by the provider, for us, now, for this sign-in."""
    try:
        try:
            token = jwt.decode(id_token, described.keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            if time.monotonic() - described.fetched_at < REFETCH_AFTER_S:
                raise
            _known.pop(provider.issuer, None)  # it may sign with a key that is newer than what we remember
            described = await _describe(runtime, provider.issuer)
            token = jwt.decode(id_token, described.keys, algorithms=ALGORITHMS)
        claims = token.claims
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": provider.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
    except (JoseError, ValueError) as error:
        raise _Distrusted(f"{type(error).__name__}: {error}"[:200]) from error
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", provider.client_id) != provider.client_id or (len(audience) > 1 and "azp" not in claims):
        raise _Distrusted("the token is for another party")
    if claims["iat"] < time.time() - OLDEST_S:
        raise _Distrusted("the token is old")
    if not 0 < len(claims["sub"]) <= LONGEST_SUBJECT:
        raise _Distrusted("the subject has no usable length")
    return dict(claims)


async def _describe(runtime: Runtime, issuer: str) -> _Description:
    """The provider's description and keys, remembered for ten minutes."""
    known = _known.get(issuer)
    if known is not None and time.monotonic() - known.fetched_at < REMEMBERED_S:
        return known
    allow_plain = runtime.settings.allow_private_suppliers
    discovered = await discover(runtime.upstream, issuer, allow_plain=allow_plain)
    keys = await fetch_keys(runtime.upstream, discovered.jwks_uri)
    _known.clear()  # there is one provider
    described = _known[issuer] = _Description(time.monotonic(), discovered, keys)
    return described


def _check_address(address: str, name: str, allow_plain: bool) -> None:
    try:
        parts = urlsplit(address)
        right = parts.scheme in ({"https", "http"} if allow_plain else {"https"}) and bool(parts.hostname)
    except ValueError:
        right = False
    if not right:
        raise ProviderUnusable(why=f"its {name} is not an https address")


def _label(claims: Mapping[str, Any]) -> str:
    """What to call the person; for people to read only, nothing is decided by it."""
    for name in ("email", "preferred_username", "name"):
        said = claims.get(name)
        if isinstance(said, str) and said.strip() and said.isprintable():
            return said.strip()[:100]
    return str(claims["sub"])[:100]


def _key(state: str) -> str:
    return f"oidc:{hashlib.sha256(state.encode()).hexdigest()}"
