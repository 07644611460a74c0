"""Define the alerts that the system raises by itself: what each is called, what to do, and whom it calls for."""

from dataclasses import dataclass
from datetime import timedelta

from notificacao.conf import conf
from notificacao.models import Priority

_FINE_FOR = timedelta(minutes=1)


@dataclass(frozen=True)
class Definition:
    """Describe one alert.

    `title` and `advice`, what to do in one sentence, are for staff. `level` is the first of the plan's four levels of
    escalation that it calls for. It closes once nobody found for `closes_after` that it holds.
    """

    name: str
    title: str
    advice: str
    level: int
    closes_after: timedelta = _FINE_FOR

    @property
    def priority(self) -> Priority:
        """Return the priority of the notification that tells of it."""
        return Priority.URGENTE if self.level > 1 else Priority.ALTA


_ALL = (
    Definition(
        "BreakerOpen",
        "O Ably está fora de uso",
        "Todos recebem por SSE e nada se perde; veja em “Disjuntores” desde quando; ably_check diz o que falha.",
        level=2,
    ),
    Definition(
        "CanarySilent",
        "A sonda do Ably não volta",
        "Rode ably_check neste servidor: ele diz se o Ably não entrega ou se a nossa chave ou rede não deixa.",
        level=2,
    ),
    Definition(
        "NobodyLeads",
        "Nenhum despachante está no comando",
        "Confira se o processo do despachante está de pé e alcança o banco, e inicie-o de novo.",
        level=3,
    ),
    Definition(
        "UnstampedRowsWait",
        "Notificações gravadas não saem",
        "Veja o registro do despachante e o que trava o banco: enquanto esperam, ninguém as recebe.",
        level=3,
    ),
    Definition(
        "KeyEndsSoon",
        "Uma chave está para vencer",
        "Emita outra e troque-a no sistema que a usa antes do fim da validade.",
        level=1,
        closes_after=timedelta(minutes=5),
    ),
    Definition(
        "BudgetAhead",
        "O Ably vai custar mais do que o orçamento",
        "Veja na página de custo o que cresceu, e decida entre aumentar o orçamento e reduzir quem está no Ably.",
        level=1,
        closes_after=timedelta(hours=1),
    ),
    Definition(
        "RedisAway",
        "O Redis não responde",
        "Nada se perde, tudo chega até um segundo depois; confira o serviço e a rede até ele.",
        level=2,
    ),
    Definition(
        "SignaturesRefused",
        "Mensagens do Ably são recusadas",
        "Compare SIGNING_KEYS de todos os processos; se forem iguais, trate como vazamento da chave do Ably.",
        level=4,
        closes_after=timedelta(minutes=15),
    ),
    Definition(
        "GuardSilent",
        "A transição segue sem vigia",
        "Ninguém vigia a transição: pause-a e veja o registro do despachante que está no comando.",
        level=2,
    ),
)

DEFINITIONS: dict[str, Definition] = {one.name: one for one in _ALL}


def runbook(name: str) -> str:
    """Return the link to what the runbook says of the alert `name`: its heading has that name as its id."""
    return f"{conf.SCRIPT_NAME}/{conf.ADMIN_PATH}plantao/#{name}"
