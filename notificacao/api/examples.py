"""Give the OpenAPI document examples of what clients send, and of the answers."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.utils import OpenApiExample

from notificacao.api.problems import TITLES

_UNIT = {
    "recipients": {"units": ["CRAS01"], "people": ["ana"]},
    "title": "Visita remarcada",
    "message": "A visita do protocolo 2026-00017 passou para 25/11.",
    "kind": "acompanhamento",
    "link": "/solicitacoes/2026-00017/",
}
_EVENT = {
    "event": "solicitacao.aprovada",
    "matter": {"protocol": "2026-00017", "unit": "CRAS01", "benefit": "aluguel-social", "requester": "maria"},
}

PRODUCING = [
    OpenApiExample("Em palavras próprias", _UNIT, request_only=True),
    OpenApiExample("Um evento do catálogo", _EVENT, request_only=True),
    OpenApiExample("Vários de uma vez", [_UNIT, _EVENT], request_only=True),
    OpenApiExample(
        "Enviada",
        {
            "results": [
                {
                    "event_id": "01935d2e-7f00-7000-8000-000000000001",
                    "ids": ["01935d2e-7f00-7000-8000-000000000002", "01935d2e-7f00-7000-8000-000000000003"],
                }
            ]
        },
        response_only=True,
        status_codes=["201"],
    ),
    OpenApiExample(
        "Nada foi enviado",
        {
            "type": "about:blank",
            "title": "Pedido inválido",
            "status": 400,
            "detail": "Nada foi enviado: veja o que está errado em errors, pelo índice de cada notificação.",
            "code": "invalid",
            "errors": [
                {
                    "index": 3,
                    "field": "message",
                    "code": "personal_data",
                    "detail": "A mensagem contém CPF. Retire-o: dados pessoais não podem ir a várias pessoas.",
                }
            ],
        },
        response_only=True,
        status_codes=["400"],
    ),
]

_POSITION = "e90c.4711"
_CHANNEL = "private:unit:kQ8xLr2v9TzW3nYb:notifications"
_MOMENT = "2026-11-24T12:00:00.000Z"
_ID = "01935d2e-7f00-7000-8000-000000000002"
_ROW = {
    "id": _ID,
    "event_id": "01935d2e-7f00-7000-8000-000000000001",
    "seq": 4711,
    "prev_seq": 4650,
    "channel": _CHANNEL,
    "kind": "solicitacao",
    "priority": "alta",
    "title": "Solicitação atribuída",
    "message": "A solicitação 2026-00017 foi atribuída à sua unidade.",
    "link": "/solicitacoes/2026-00017/",
    "data": {},
    "created_at": _MOMENT,
    "expires_at": None,
    "read": False,
    "archived": False,
    "acknowledged": False,
}
_BY_SCHEMA: dict[str, Any] = {
    "AblyToken": {
        "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
        "expires_at": _MOMENT,
        "capability": {_CHANNEL: ["subscribe"]},
    },
    "ActiveChannels": {
        "results": [{"name": _CHANNEL, "on_sse": 3, "on_ably": 1, "tokens": 1, "since": _MOMENT}],
        "more": False,
    },
    "Counts": {"unread": 3},
    "Deliveries": [{"id": _ID, "transport": "sse", "held_ms": 1_200}],
    "Marked": {"unread": 0, "marked": 12, "undo": "2026-11-24T12:00:00.123456Z"},
    "NotificationsPage": {"results": [_ROW], "complete_to": _POSITION, "more": False},
    "ReadAll": {"up_to": _POSITION},
    "Recorded": {"recorded": 1},
    "Session": {
        "person": "oL1Xdx5h404fJhrG",
        "login": "c8Qm2xYb",
        "transport": "sse",
        "reason": "not_in_rollout",
        "position": _POSITION,
        "channels": [
            {"name": _CHANNEL, "head": 4711, "since": 0, "key": None, "key_epoch": None, "old_keys": []},
        ],
        "unread": 3,
        "ably": None,
        "stream": "/api/v1/stream/",
    },
    "UndoReadAll": {"undo": "2026-11-24T12:00:00.123456Z"},
    "Unread": {"count": 12},
    "Unverified": {"reason": "unsigned", "count": 1},
    "Why": {
        "code": "received",
        "sentence": "Ana a recebeu em 24/11 às 12:00, pelo SSE.",
        "advice": "Nada a fazer.",
        "timeline": [{"at": _MOMENT, "text": "Gravada."}],
    },
}
_PROBLEMS = {
    "400": ("invalid", "limit: use um número de 1 a 500."),
    "401": ("not_authenticated", "Entre em /entrar/ para continuar."),
    "403": ("permission_denied", "Você não tem permissão para isto."),
    "404": ("not_found", "Esta notificação não existe, ou não é sua."),
    "409": ("not_in_rollout", "Suas notificações chegam por SSE."),
    "410": ("resync", "O registro não responde a partir deste cursor."),
    "413": ("too_large", "O pedido tem mais bytes do que o permitido."),
    "415": ("unsupported_media_type", "Envie application/json."),
    "429": ("throttled", "Muitos pedidos: tente de novo em 3 s."),
    "503": ("database_busy", "O banco de dados está ocupado e nada foi feito: tente de novo em instantes."),
}
_STREAM = 'retry: 3000\n\nevent: counts\ndata: {"unread":3}\n\n'
_ROLLOUT = {"state": "draft", "sentence": "A transição não começou.", "stages": [], "actions": []}


def give_examples(result: dict[str, Any], **kwargs) -> dict[str, Any]:
    """Give each request and answer that has none an example; this is a hook of drf-spectacular."""
    for status, kind, content in _contents(result):
        if "examples" not in content:
            content["examples"] = {"example": {"value": _example(status, kind, content["schema"])}}
    return result


def _contents(result: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for call in (call for path in result["paths"].values() for call in path.values()):
        for status, part in {"": call.get("requestBody", {}), **call["responses"]}.items():
            for kind, content in part.get("content", {}).items():
                yield status, kind, content


def _example(status: str, kind: str, schema: dict[str, Any]) -> Any:
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in ("ProblemDetails", "ResyncProblem"):
        code, detail = _PROBLEMS[status]
        title = str(TITLES.get(int(status), "Indisponível"))
        problem = {"type": "about:blank", "title": title, "status": int(status), "detail": detail, "code": code}
        return problem | ({"position": _POSITION} if name == "ResyncProblem" else {})
    if name:
        return _BY_SCHEMA[name]
    return _STREAM if kind == "text/event-stream" else _ROLLOUT
