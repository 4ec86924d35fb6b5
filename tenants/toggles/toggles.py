"""The flags of all stations in one process: loaded one station at a time, answered from memory.

What is remembered of a station is loaded again when it is older than `TTL_S`, or at once when Redis says that something
has changed: so a change is live within two seconds whether or not the message arrives. While the database does not
answer, what was known last goes on being used; the kill switch counts all the same.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping

import psycopg
import structlog
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagEvaluationDetails
from prometheus_client import Counter
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tenants.toggles import queries
from tenants.toggles.decision import Decision, Facts, decide
from tenants.toggles.flags import FLAGS, Flag, Kind, Value
from tenants.toggles.kill_switch import KillSwitch
from tenants.toggles.provider import Failures, StationProvider

log = structlog.get_logger()

TTL_S = 1.5
PATIENCE_S = 1.0
CAPACITY = 10_000
TOPIC = "flags"
STALE = Counter("kameng_flag_loads_failed_total", "Times that flags could not be loaded and older ones were used")
AWAY = (SQLAlchemyError, psycopg.Error, OSError, TimeoutError)


class Values(Mapping[str, Value]):
    """The flags of one station at one moment. Each is evaluated when it is first asked for; then it is a look-up.
    Raises `KeyError` for a flag that is not declared."""

    __slots__ = ("_asked", "_evaluate", "_keys")

    def __init__(self, keys: Mapping[str, Flag], evaluate: Callable[[Flag], Value]) -> None:
        self._keys = keys
        self._evaluate = evaluate
        self._asked: dict[str, Value] = {}

    def __getitem__(self, key: str) -> Value:
        try:
            return self._asked[key]
        except KeyError:
            value = self._asked[key] = self._evaluate(self._keys[key])
            return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Known:
    """What is remembered of one station."""

    __slots__ = ("due", "epoch", "facts", "generation", "values")

    def __init__(self, facts: Facts, values: Values, due: float, epoch: int, generation: int) -> None:
        self.facts = facts
        self.values = values
        self.due = due  # on the clock of `Toggles`
        self.epoch = epoch  # of what Redis told
        self.generation = generation  # of the kill switch


class Toggles:
    """One for each runtime. Its provider is registered with OpenFeature under a domain of its own."""

    def __init__(
        self, runtime: Runtime, declared: Mapping[str, Flag] = FLAGS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.runtime = runtime
        self.declared = declared
        self.clock = clock
        self.kill_switch = KillSwitch(runtime.settings.flags_file, declared, clock)
        self.client = self._client()
        self._known: dict[int, Known] = {}
        self._loading: dict[int, asyncio.Task[Known]] = {}
        self._epoch = 0
        self._listening: asyncio.Task[bool] | None = None

    async def at(self, tenant: Tenant) -> Mapping[str, Value]:
        """The station's flags, loaded if need be. Raises what the database raises, if they were never loaded."""
        return self._current(await self._fresh(tenant.id))

    def known(self, tenant: Tenant) -> Mapping[str, Value]:
        """What is remembered of the station, however old; else what holds for a station nothing is known of."""
        known = self._known.get(tenant.id)
        if known is not None:
            return self._current(known)
        nothing = Facts(tenant_id=tenant.id)
        return Values(self.declared, lambda flag: decide(flag, nothing, self.kill_switch.values).value)

    async def decision(self, tenant: Tenant, flag: Flag) -> Decision:
        """The flag with its reason, for a person. Raises as `at` does."""
        known = await self._fresh(tenant.id)
        return decide(flag, known.facts, self.kill_switch.values)

    async def facts(self, tenant: Tenant) -> Facts:
        """All that is known of the station's flags. Raises as `at` does."""
        return (await self._fresh(tenant.id)).facts

    def details(self, tenant: Tenant, flag: Flag) -> FlagEvaluationDetails[Value]:
        """The SDK's own answer, with variant and reason, about a station that `at` has loaded."""
        return self._ask(flag, tenant.id)

    async def changed(self) -> None:
        """Has every process load anew what it is asked for next. Call after the commit."""
        self.forget()
        await self.runtime.hub.changed(TOPIC)

    def forget(self) -> None:
        """The same for this process alone. What is remembered is kept, for when the database is away."""
        self._epoch += 1

    def _current(self, known: Known) -> Values:
        generation = self.kill_switch.look()
        if known.generation != generation:
            known.values, known.generation = self._values(known.facts.tenant_id), generation
        return known.values

    async def _fresh(self, tenant_id: int) -> Known:
        known = self._known.get(tenant_id)
        if known is None or known.due <= self.clock() or known.epoch != self._epoch:
            known = await self._load(tenant_id)
            if known.epoch != self._epoch:  # it was under way when something changed
                known = await self._load(tenant_id)
        return known

    async def _load(self, tenant_id: int) -> Known:
        """One reading of the database, however many requests wait for it."""
        task = self._loading.get(tenant_id)
        if task is None:
            task = self._loading[tenant_id] = asyncio.create_task(self._read(tenant_id))
        return await asyncio.shield(task)

    async def _read(self, tenant_id: int) -> Known:
        try:
            return await self._read_now(tenant_id)
        finally:
            del self._loading[tenant_id]

    async def _read_now(self, tenant_id: int) -> Known:
        self._listen()
        patience_s = PATIENCE_S if tenant_id in self._known else None  # else there is nothing to fall back on
        epoch = self._epoch  # as it was before reading: what is told meanwhile makes this one old
        try:
            async with asyncio.timeout(patience_s), self.runtime.database.master_session() as session:
                facts = await queries.facts(session, tenant_id)
        except AWAY as error:
            return self._stale(tenant_id, error)
        if len(self._known) >= CAPACITY:
            self._known.clear()
        known = Known(facts, self._values(tenant_id), self.clock() + TTL_S, epoch, self.kill_switch.look())
        self._known[tenant_id] = known
        return known

    def _stale(self, tenant_id: int, error: BaseException) -> Known:
        known = self._known.get(tenant_id)
        if known is None:
            raise error
        STALE.inc()
        log.warning("flags_stale", tenant=tenant_id, error=str(error).partition("\n")[0])
        known.due, known.epoch = self.clock() + TTL_S, self._epoch
        return known

    def _listen(self) -> None:
        """Subscribes to changes, once Redis answers. Nothing waits for it: without it changes take `TTL_S`."""
        if self._listening is None or (self._listening.done() and not self._listening.result()):
            self._listening = asyncio.create_task(self._subscribe())

    async def _subscribe(self) -> bool:
        try:
            await self.runtime.hub.on(TOPIC, self.forget)
        except RedisError as error:
            log.warning("flags_deaf", error=str(error))
            return False
        return True

    def _values(self, tenant_id: int) -> Values:
        return Values(self.declared, lambda flag: self._ask(flag, tenant_id).value)

    def _ask(self, flag: Flag, tenant_id: int) -> FlagEvaluationDetails[Value]:
        known = self._known.get(tenant_id)
        context = EvaluationContext(str(tenant_id), {"plan": known.facts.plan} if known else {})
        details: FlagEvaluationDetails[Value]
        if flag.kind is Kind.BOOLEAN:
            details = self.client.get_boolean_details(flag.key, bool(flag.default), context)
        elif flag.kind is Kind.NUMBER:
            details = self.client.get_integer_details(flag.key, int(flag.default), context)
        else:
            details = self.client.get_string_details(flag.key, str(flag.default), context)
        return details

    def _client(self) -> OpenFeatureClient:
        domain = f"kameng-{ids.code(10)}"
        provider = StationProvider(self.declared, self._facts_of, lambda: self.kill_switch.values)
        api.set_provider_and_wait(provider, domain)
        client = api.get_client(domain)
        client.add_hooks([Failures()])
        return client

    def _facts_of(self, tenant_id: int) -> Facts | None:
        known = self._known.get(tenant_id)
        return known.facts if known else None
