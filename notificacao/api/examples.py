"""Give the OpenAPI document examples of what producers send, and of the answers."""

from drf_spectacular.utils import OpenApiExample

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
