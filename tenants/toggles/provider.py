"""Our provider of OpenFeature (openfeature.dev): answers at once, from what the process remembers of a station.

The targeting key of a context is the station's number. `variant` is who gave the value, `reason` the SDK's word for it,
and the metadata say whether the station may change it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.hook import Hook, HookContext, HookHints
from openfeature.provider import AbstractProvider, Metadata
from prometheus_client import Counter

from tenants.toggles.decision import Decision, Facts, Source, decide
from tenants.toggles.flags import Flag, Kind, Value

log = structlog.get_logger()

V = TypeVar("V", bound=Value)
ERRORS = Counter("kameng_flag_errors_total", "Flags that fell back to their default because of an error", ["flag"])
REASONS = {
    Source.DEFAULT: Reason.DEFAULT,
    Source.ROLLOUT: Reason.SPLIT,
    Source.PLAN: Reason.TARGETING_MATCH,
    Source.POLICY: Reason.STATIC,
    Source.CHOICE: Reason.TARGETING_MATCH,
    Source.KILLED: Reason.DISABLED,
}
FactsOf = Callable[[int], Facts | None]
Killed = Callable[[], Mapping[str, Value]]


class StationProvider(AbstractProvider):
    """`facts_of` and `killed` only look into memory."""

    def __init__(self, declared: Mapping[str, Flag], facts_of: FactsOf, killed: Killed) -> None:
        super().__init__()
        self.declared = declared
        self.facts_of = facts_of
        self.killed = killed

    def get_metadata(self) -> Metadata:
        return Metadata(name="kameng")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolve(flag_key, default_value, Kind.BOOLEAN, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolve(flag_key, default_value, Kind.NUMBER, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolve(flag_key, default_value, Kind.CHOICE, evaluation_context)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 - the protocol's
    ) -> FlagResolutionDetails[float]:
        return _failed(default_value, ErrorCode.TYPE_MISMATCH, f"{flag_key} is no fraction; no flag is")

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[Any] | Mapping[str, Any],
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 - the protocol's
    ) -> FlagResolutionDetails[Sequence[Any] | Mapping[str, Any]]:
        return _failed(default_value, ErrorCode.TYPE_MISMATCH, f"{flag_key} is no structure; no flag is")

    def _resolve(self, key: str, default: V, kind: Kind, context: EvaluationContext | None) -> FlagResolutionDetails[V]:
        flag = self.declared.get(key)
        if flag is None:
            return _failed(default, ErrorCode.FLAG_NOT_FOUND, f"no flag is called {key}")
        if flag.kind is not kind:
            return _failed(default, ErrorCode.TYPE_MISMATCH, f"{key} is a {flag.kind}")
        target = context.targeting_key if context else None
        if target is None or not target.isdigit():
            return _failed(default, ErrorCode.TARGETING_KEY_MISSING, "the targeting key is the number of a station")
        facts = self.facts_of(int(target))
        if facts is None:
            return _failed(default, ErrorCode.PROVIDER_NOT_READY, f"station {target} is not loaded")
        decision = decide(flag, facts, self.killed())
        if decision.is_wrong:
            said = f"{decision.source} of station {target} says {decision.found!r}"
            return _failed(default, ErrorCode.TYPE_MISMATCH, said)
        return _details(decision)


def _details(decision: Decision) -> FlagResolutionDetails[Any]:
    return FlagResolutionDetails(
        value=decision.value,
        reason=REASONS[decision.source],
        variant=str(decision.source),
        flag_metadata={"fixed": decision.is_fixed, "mode": str(decision.mode or ""), "why": decision.reason},
    )


def _failed(default: Any, code: ErrorCode, message: str) -> FlagResolutionDetails[Any]:
    return FlagResolutionDetails(value=default, error_code=code, error_message=message, reason=Reason.ERROR)


class Failures(Hook):
    """Counts and logs every evaluation that failed. The default was used, so nobody else notices."""

    def error(
        self,
        hook_context: HookContext,
        exception: Exception,
        hints: HookHints,  # noqa: ARG002 - the hook's form
    ) -> None:
        key = hook_context.flag_key
        ERRORS.labels(key).inc()
        log.error("flag_failed", flag=key, tenant=hook_context.evaluation_context.targeting_key, error=str(exception))
