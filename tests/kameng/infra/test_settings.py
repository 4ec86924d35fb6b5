"""`KAMENG_*` is read once; what is wrong is one sentence that names the variable."""

import base64
from dataclasses import FrozenInstanceError

import pytest

from kameng.infra.settings import Settings, SettingsError, address_and_port, read, to_environ

KEY = base64.b64encode(bytes(32)).decode()
GOOD = {
    "KAMENG_DATABASE_URL": "postgresql://app@db/kameng",
    "KAMENG_REDIS_URL": "redis://cache/0",
    "KAMENG_SECRET_KEY": KEY,
    "KAMENG_VAULT_KEY": KEY,
}


def test_what_was_read_can_be_handed_to_a_child() -> None:
    settings = read({**GOOD, "KAMENG_PORT": "8123", "KAMENG_ALLOW_PRIVATE_SUPPLIERS": "true"})

    assert (settings.port, settings.allow_private_suppliers, settings.secure) == (8123, True, False)
    assert read(to_environ(settings)) == settings


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read({key: value for key, value in GOOD.items() if key != name})
    assert str(refused.value) == f"{name} is not set."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAMENG_PORT", "eighty"),
        ("KAMENG_POOL_SIZE", "1.5"),
        ("KAMENG_ALLOW_PRIVATE_SUPPLIERS", "perhaps"),
        ("KAMENG_SECRET_KEY", "short"),
        ("KAMENG_VAULT_KEY", base64.b64encode(bytes(31)).decode()),
        ("KAMENG_DATABASE_URL", "mysql://db"),
        ("KAMENG_REDIS_URL", "http://cache"),
        ("KAMENG_SCHEME", "gopher"),
        ("KAMENG_LOG_FORMAT", "poem"),
        ("KAMENG_PUBLIC_ADDRESSES", "198.51.100.4, example.com"),
        ("KAMENG_PUBLIC_ADDRESSES", "198.51.100.4/8"),
        ("KAMENG_DNS_SERVERS", "ns.example.com"),
        ("KAMENG_DNS_SERVERS", "192.0.2.1:dns"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read({**GOOD, name: value})
    assert str(refused.value).startswith(name)
    assert str(refused.value).count(". ") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_a_name_server_is_an_address_with_or_without_a_port(text: str, expected: tuple[str, int]) -> None:
    assert address_and_port(text, 53) == expected


def test_settings_cannot_be_changed() -> None:
    settings = read(GOOD)
    with pytest.raises((AttributeError, FrozenInstanceError)):
        settings.port = 1  # type: ignore[misc]  # that is what is tested


@pytest.mark.parametrize(
    ("scheme", "port", "expected"),
    [
        ("https", "0", "https://shop.example"),
        ("https", "443", "https://shop.example"),
        ("http", "8000", "http://shop.example:8000"),
    ],
)
def test_links_carry_the_port_only_where_it_is_needed(scheme: str, port: str, expected: str) -> None:
    settings: Settings = read({**GOOD, "KAMENG_SCHEME": scheme, "KAMENG_PUBLIC_PORT": port})
    assert settings.base_url("shop.example") == expected
