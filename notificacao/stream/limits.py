"""How many streams this process holds, and how fast one person may open them; in memory, for this process alone."""

import math
import random
import time

from notificacao.conf import conf
from notificacao.stream.opening import Refusal, Refused

BURST = 60  # streams that one person may open at once
EVERY = 1.0  # seconds until one more
_FORGET_AT = 10_000  # people remembered before those with nothing to answer for are forgotten


class Limits:
    """A place for each stream, taken before anybody is authorised and given back when the connection is gone."""

    def __init__(self) -> None:
        self._taken = 0
        self._free_at: dict[int, float] = {}  # person pk → when their burst is whole again (GCRA)

    def take_place(self) -> None:
        """Raises Refused."""
        if self._taken >= conf.STREAMS_PER_PROCESS:
            raise Refused(
                Refusal(
                    503,
                    "too_many_streams",
                    "Servidor cheio",
                    "Há fluxos demais neste servidor: tente de novo em alguns segundos.",
                    retry_after=random.randint(5, 15),  # noqa: S311
                )
            )
        self._taken += 1

    def give_back(self) -> None:
        self._taken -= 1

    def note_opening(self, person_pk: int) -> None:
        """Raises Refused."""
        now = time.monotonic()
        free_at = max(now, self._free_at.get(person_pk, 0.0)) + EVERY
        over = free_at - now - BURST * EVERY
        if over > 0:
            raise Refused(
                Refusal(
                    429,
                    "opened_too_fast",
                    "Muitos pedidos",
                    "Você abriu fluxos depressa demais: aguarde.",
                    retry_after=math.ceil(over) + random.randint(0, 4),  # noqa: S311
                )
            )
        if len(self._free_at) >= _FORGET_AT:
            self._free_at = {pk: at for pk, at in self._free_at.items() if at > now}
        self._free_at[person_pk] = free_at
