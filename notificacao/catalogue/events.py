"""List the business events: what each says, to whom and how urgently. `catalogue/notices.py` resolves it."""

from dataclasses import dataclass
from enum import Enum

from notificacao.models import Kind, Priority


class Recipient(Enum):
    """Name a role in the matter, not a role in the city: who holds it is found when the event happens."""

    TECNICO = "técnico"
    APROVADOR = "aprovador"
    LIBERADOR = "liberador"
    SOLICITANTE = "solicitante"
    AUTOR_PENDENCIA = "autor da pendência"
    COORDENACAO = "coordenação da unidade"  # its people's personal channels
    UNIDADE = "unidade"  # the unit's channel
    BENEFICIO = "benefício"  # the benefit's channel: it crosses units
    TODOS = "todos"  # the system's channel
    ADMINISTRADORES_E_AUDITORES = "administradores e auditores"  # their personal channels


@dataclass(frozen=True)
class Event:
    """Describe one kind of event, and the notification that it makes.

    The templates may name `{protocol}`, `{unit}` (its code), `{benefit}` (its name), `{left}` ("em 3 dias"),
    `{over}` ("há 6 dias") and `{moment}` ("25/11 às 22:00"): what a shared channel may carry, and nothing personal.
    `court_priority` replaces `priority` under a court order; where `court_after_days` is set, only once the matter
    is late by more days than that. `days_before` and `hours_before` are when a deadline is announced.
    """

    name: str
    kind: Kind
    recipients: frozenset[Recipient]
    title: str
    message: str
    link: str = "/solicitacoes/{protocol}/"
    priority: Priority = Priority.NORMAL
    court_priority: Priority | None = None
    court_after_days: int | None = None
    days_before: tuple[int, ...] = ()
    hours_before: tuple[int, ...] = ()


_TECNICO = frozenset({Recipient.TECNICO})
_DECIDERS = frozenset({Recipient.TECNICO, Recipient.APROVADOR, Recipient.LIBERADOR})
_PAYERS = frozenset({Recipient.TECNICO, Recipient.LIBERADOR})
_APPLICATION = frozenset({Recipient.SOLICITANTE, Recipient.COORDENACAO, Recipient.BENEFICIO})
_DOCUMENTS = frozenset({Recipient.TECNICO, Recipient.SOLICITANTE})
_UNIT = frozenset({Recipient.TECNICO, Recipient.UNIDADE})
_EVERYBODY = frozenset({Recipient.TODOS})

_REQUESTS = [
    Event(
        "solicitacao.atribuida",
        Kind.SOLICITACAO,
        _TECNICO,
        "Solicitação {protocol} atribuída a você",
        "A solicitação {protocol} está sob sua responsabilidade.",
        court_priority=Priority.ALTA,
    ),
    Event(
        "solicitacao.status_alterado",
        Kind.SOLICITACAO,
        _DECIDERS,
        "Solicitação {protocol} mudou de situação",
        "A situação da solicitação {protocol} foi alterada. Abra-a para ver a atual.",
        court_priority=Priority.ALTA,
    ),
    Event(
        "solicitacao.pendencia_criada",
        Kind.PENDENCIA,
        _TECNICO,
        "Nova pendência em {protocol}",
        "A solicitação {protocol} recebeu uma pendência e aguarda providência.",
    ),
    Event(
        "solicitacao.pendencia_resolvida",
        Kind.PENDENCIA,
        frozenset({Recipient.TECNICO, Recipient.AUTOR_PENDENCIA}),
        "Pendência resolvida em {protocol}",
        "Uma pendência da solicitação {protocol} foi resolvida. A análise pode continuar.",
    ),
    Event(
        "solicitacao.prazo_proximo",
        Kind.ALERTA,
        _DECIDERS,
        "Prazo de {protocol} vence {left}",
        "O prazo da solicitação {protocol} vence {left}.",
        days_before=(7, 3, 1),
        hours_before=(24, 12, 6),
    ),
    Event(
        "solicitacao.prazo_expirado",
        Kind.ALERTA,
        _DECIDERS,
        "Prazo de {protocol} expirado",
        "O prazo da solicitação {protocol} expirou {over}.",
        priority=Priority.ALTA,
        court_priority=Priority.URGENTE,
        court_after_days=5,
    ),
    Event(
        "solicitacao.determinacao_judicial",
        Kind.ALERTA,
        _DECIDERS,
        "Determinação judicial em {protocol}",
        "Há determinação judicial na solicitação {protocol}. Priorize o atendimento.",
        priority=Priority.URGENTE,
    ),
    Event(
        "solicitacao.criada",
        Kind.SOLICITACAO,
        _APPLICATION,
        "Nova solicitação {protocol}",
        "{unit}: solicitação {protocol} registrada. Benefício: {benefit}.",
        court_priority=Priority.ALTA,
    ),
    Event(
        "solicitacao.aprovada",
        Kind.APROVACAO,
        _APPLICATION,
        "Solicitação {protocol} aprovada",
        "{unit}: solicitação {protocol} aprovada. Benefício: {benefit}.",
        priority=Priority.ALTA,
    ),
    Event(
        "solicitacao.indeferida",
        Kind.APROVACAO,
        _APPLICATION,
        "Solicitação {protocol} indeferida",
        "{unit}: solicitação {protocol} indeferida. Benefício: {benefit}.",
        priority=Priority.ALTA,
    ),
    Event(
        "solicitacao.liberada",
        Kind.LIBERACAO,
        _APPLICATION,
        "Solicitação {protocol} liberada",
        "{unit}: solicitação {protocol} liberada. Benefício: {benefit}.",
        priority=Priority.ALTA,
    ),
    Event(
        "documento.solicitado",
        Kind.PENDENCIA,
        _DOCUMENTS,
        "Documento solicitado em {protocol}",
        "A solicitação {protocol} aguarda o envio de documento.",
    ),
    Event(
        "documento.prazo_proximo",
        Kind.PENDENCIA,
        _DOCUMENTS,
        "Documento de {protocol}: prazo vence {left}",
        "O prazo para o documento da solicitação {protocol} vence {left}.",
        days_before=(5, 2),
    ),
]


def _grant(done: str, sentence: str, priority: Priority = Priority.NORMAL) -> Event:
    message = f"{{unit}}: a concessão da solicitação {{protocol}} {sentence}."
    title = f"Concessão {done}: {{protocol}}"
    return Event(f"concessao.{done}", Kind.ACOMPANHAMENTO, _UNIT, title, message, priority=priority)


def _payment(name: str, title: str, sentence: str, priority: Priority = Priority.NORMAL) -> Event:
    return Event(f"pagamento.{name}", Kind.PAGAMENTO, _PAYERS, title, sentence, priority=priority)


_GRANTS = [
    _grant("criada", "foi criada"),
    _grant("suspensa", "foi suspensa. Verifique o que falta para reativá-la", Priority.ALTA),
    _grant("bloqueada", "foi bloqueada. Nenhum pagamento sai até o desbloqueio", Priority.ALTA),
    _grant("reativada", "foi reativada"),
    _grant("prorrogada", "foi prorrogada"),
    _grant("cessada", "foi cessada"),
    _payment("liberado", "Pagamento liberado: {protocol}", "Um pagamento da solicitação {protocol} foi liberado."),
    _payment(
        "falhou",
        "Pagamento falhou: {protocol}",
        "Um pagamento da solicitação {protocol} não foi concluído. Confira e tente de novo.",
        Priority.ALTA,
    ),
    _payment(
        "comprovante_invalidado",
        "Comprovante invalidado: {protocol}",
        "O comprovante de um pagamento da solicitação {protocol} foi invalidado. Solicite outro.",
        Priority.ALTA,
    ),
    _payment("vencido", "Pagamento vencido: {protocol}", "Um pagamento da solicitação {protocol} venceu."),
    Event(
        "aluguel_social.visita_proxima",
        Kind.ACOMPANHAMENTO,
        _TECNICO,
        "Visita próxima: {protocol}",
        "A visita de acompanhamento do aluguel social {protocol} está próxima. Confirme a data.",
    ),
    Event(
        "aluguel_social.visita_vencida",
        Kind.ACOMPANHAMENTO,
        _TECNICO,
        "Visita vencida: {protocol}",
        "A visita de acompanhamento do aluguel social {protocol} não foi registrada no prazo.",
        priority=Priority.ALTA,
    ),
]

_SYSTEM = [
    Event(
        "manutencao.programada",
        Kind.MANUTENCAO,
        _EVERYBODY,
        "Manutenção programada: {moment}",
        "O sistema passará por manutenção em {moment}. Salve seu trabalho antes.",
        link="",
    ),
    Event(
        "manutencao.iniciada",
        Kind.MANUTENCAO,
        _EVERYBODY,
        "Manutenção iniciada",
        "A manutenção começou. O sistema pode ficar instável até o aviso de término.",
        link="",
        priority=Priority.ALTA,
    ),
    Event(
        "manutencao.finalizada",
        Kind.MANUTENCAO,
        _EVERYBODY,
        "Manutenção finalizada",
        "A manutenção terminou. O sistema voltou ao normal.",
        link="",
    ),
    Event(
        "seguranca.acesso_negado_repetido",
        Kind.ALERTA,
        frozenset({Recipient.ADMINISTRADORES_E_AUDITORES}),
        "Acessos negados repetidos",
        "O mesmo acesso foi negado várias vezes em pouco tempo. Verifique a auditoria.",
        link="",
        priority=Priority.URGENTE,
    ),
]

EVENTS: dict[str, Event] = {event.name: event for event in [*_REQUESTS, *_GRANTS, *_SYSTEM]}
