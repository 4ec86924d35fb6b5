"""Codes of the database (reasons, faults, actions, notices) are shown in words, wherever they come from."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from admin_ui import words
from admin_ui.notices import words as notices
from admin_ui.vocabulary import codes, log, states
from kameng.identity.permissions import Role
from kameng.web import i18n
from kameng.web.i18n.extraction import ROOT, SOURCES
from kameng.web.people import TITLES
from supplier_gateway.port import Fault
from tenants.notices.queries import Notice
from tenants.orders.states import State

KEPT = ("detail", "before", "after")  # what a line of the audit log keeps by names


def _modules(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(Path(path).read_bytes())


def _literals(node: ast.AST) -> set[str]:
    """The texts that an expression may be; a choice has two."""
    if isinstance(node, ast.IfExp):
        return _literals(node.body) | _literals(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def _called(module: ast.Module, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in names:
                yield node


def _values_of(module: ast.Module, name: str) -> set[str]:
    """What a variable `name` of the module may be."""
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and name in {getattr(to, "id", None) for to in node.targets}:
            found |= _literals(node.value)
    return found


def _returned(module: ast.Module, function: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            for line in ast.walk(node):
                found |= _literals(line.value) if isinstance(line, ast.Return) and line.value else set()
    return found


def test_every_reason_of_an_order_has_words() -> None:
    reasons: set[str] = set()
    for module in _modules("tenants/orders"):
        for call in _called(module, "wait", "expire", "refund", "end_part"):
            reasons |= _literals(call.args[-1]) if len(call.args) == 3 else set()
        reasons |= _returned(module, "_reason")

    assert {"out_of_stock", "checking", "not_delivered", "money_in_wallet"} <= reasons
    assert reasons - set(codes.REASONS) == set()


def test_every_action_of_the_audit_log_and_its_details_have_words() -> None:
    actions, details = set[str](), set[str]()
    for module in _modules(*SOURCES):
        for call in _called(module, "record"):
            if getattr(getattr(call.func, "value", None), "id", "") != "audit":
                continue
            actions |= _literals(call.args[2])
            actions |= _values_of(module, getattr(call.args[2], "id", ""))
            for shown in [*call.args[4:5], *(one.value for one in call.keywords if one.arg in KEPT)]:
                details |= _keys(module, shown)

    assert {"orders.refund", "goods.restore", "stations.open", "staff.sign_in"} <= actions
    assert actions - set(log.ACTIONS) == set()
    assert {"from", "duplicates", "slug"} <= details
    assert details - set(log.DETAILS) == set()


def _keys(module: ast.Module, shown: ast.expr) -> set[str]:
    """The keys of a dictionary, written there or in a variable of the module."""
    if isinstance(shown, ast.Dict):
        return {text for key in shown.keys if key for text in _literals(key)}
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            names = {getattr(to, "id", None) for to in node.targets}
            found |= _keys(module, node.value) if getattr(shown, "id", "") in names else set()
    return found


def test_every_refusal_of_a_gateways_notice_has_words() -> None:
    refusals = set[str]()
    for module in _modules("billing/payments"):
        for call in _called(module, "NotifyRefused"):
            refusals |= _literals(call.args[0])

    assert refusals
    assert refusals - set(codes.REFUSALS) == set()


def test_states_faults_and_roles_have_words() -> None:
    assert set(states.ORDERS) == {str(state) for state in State}
    assert set(codes.FAULTS) == {str(fault) for fault in Fault}
    assert {str(role) for role in Role} <= set(TITLES)


def test_every_notice_is_told() -> None:
    kinds = set[str]()
    for module in _modules(*SOURCES):
        for call in _called(module, "tell"):
            if getattr(getattr(call.func, "value", None), "id", "") == "notices":
                kinds |= _literals(call.args[1])
    i18n.use("zh_CN", "Asia/Shanghai")

    assert kinds
    for kind in kinds:
        notice = Notice(1, kind, "N1", {"reason": "checking"}, datetime(2026, 1, 1, tzinfo=UTC))
        assert notices.told([notice], {"N1"}), kind


@pytest.mark.parametrize(
    ("family", "code", "said"),
    [
        ("reason", "not_delivered", "未能按时发货，款项已退回"),
        ("action", "stations.suspend", "暂停分站营业"),
        ("refusal", "sign", "签名错误"),
        ("fault", "timeout", "供应商超时未答复"),
    ],
)
def test_codes_are_shown_in_chinese(family: str, code: str, said: str) -> None:
    i18n.use("zh_CN", "Asia/Shanghai")

    assert words.say(family, code) == said
