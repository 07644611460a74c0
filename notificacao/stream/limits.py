"""Limit how many streams this process holds, how many one address holds, and how fast one person may open them."""

import asyncio
import math
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from notificacao import rates
from notificacao.conf import conf
from notificacao.rates import Rate
from notificacao.stream.request import Rejection, StreamRejected


class OpenRateLimiter:
    """Take a token for each stream that is opened; all that ask while Redis answers one batch make the next."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="openings")
        self._waiting: list[tuple[int, asyncio.Future[float]]] = []
        self._asking: asyncio.Task | None = None

    async def take(self, person_pk: int) -> float:
        """Return the seconds that the person has to wait; 0 where they may open a stream."""
        if not conf.REDIS_URL:
            return _take([person_pk])[0]
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((person_pk, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def _ask(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            pks = [person_pk for person_pk, _ in batch]
            (waits,) = await asyncio.gather(self._in_thread(pks), return_exceptions=True)
            for place, (_, answer) in enumerate(batch):
                if answer.done():
                    continue
                if isinstance(waits, BaseException):
                    answer.set_exception(waits)
                else:
                    answer.set_result(waits[place])

    async def _in_thread(self, person_pks: list[int]) -> list[float]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, _take, person_pks)

    def close(self) -> None:
        """Stop the thread that asks Redis."""
        self._thread.shutdown(wait=False)


def _take(person_pks: list[int]) -> list[float]:
    """Return the seconds that each person has to wait, in the order of `person_pks`."""
    rate = Rate(*conf.RATE_STREAMS)
    return rates.take_many([(f"streams:{pk}", rate) for pk in person_pks])


class Limits:
    """Count a place for each stream: taken before anybody is authorised, given back when the connection is gone."""

    def __init__(self) -> None:
        self._taken = 0
        self._by_address: Counter[str] = Counter()
        self._rate_limiter = OpenRateLimiter()

    def take_place(self, address: str) -> None:
        """Take a place for a stream of `address`, which may be empty. Raises StreamRejected."""
        if self._taken >= conf.STREAMS_PER_PROCESS:
            raise StreamRejected(_full())
        if address and self._by_address[address] >= conf.STREAMS_PER_ADDRESS:
            raise StreamRejected(_full_of_them())
        self._taken += 1
        self._by_address[address] += 1

    def give_back(self, address: str) -> None:
        """Give back the place of a stream of `address`."""
        self._taken -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    async def note_opening(self, person_pk: int) -> None:
        """Take a token of the person's rate of opening streams. Raises StreamRejected."""
        wait = await self._rate_limiter.take(person_pk)
        if wait:
            raise StreamRejected(
                Rejection(
                    429,
                    "opened_too_fast",
                    "Muitos pedidos",
                    "Você abriu fluxos depressa demais: aguarde.",
                    retry_after=math.ceil(wait) + random.randint(0, 4),  # noqa: S311
                ),
                person_pk,
            )

    def close(self) -> None:
        """Stop the thread of the rate limiter."""
        self._rate_limiter.close()


def _full() -> Rejection:
    return Rejection(
        503,
        "too_many_streams",
        "Servidor cheio",
        "Há fluxos demais neste servidor: tente de novo em alguns segundos.",
        retry_after=random.randint(5, 15),  # noqa: S311
    )


def _full_of_them() -> Rejection:
    return Rejection(
        429,
        "too_many_from_address",
        "Muitos pedidos",
        "Há fluxos demais abertos a partir deste endereço de rede: tente de novo em alguns segundos.",
        retry_after=random.randint(5, 15),  # noqa: S311
    )
