"""Answer errors as RFC 9457 problem details, `{"type", "title", "status", "detail", "code"}`, in pt-BR for staff."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from notificacao.api.parsing import TooLarge
from notificacao.denials import put_on_record

TITLES = {
    400: _("Pedido inválido"),
    401: _("Não autenticado"),
    403: _("Não permitido"),
    404: _("Não encontrado"),
    405: _("Método não permitido"),
    409: _("Conflito"),
    410: _("Cursor fora do registro"),
    413: _("Pedido grande demais"),
    415: _("Formato não aceito"),
    429: _("Muitos pedidos"),
}
_ON_RECORD = {401, 403, 404, 429}
_DETAILS = {"not_authenticated": _("Entre em /entrar/ para continuar.")}


class Problem(exceptions.APIException):
    """Answer an error of this API with `status`, a stable `code` of docs/errors.md, and a sentence, `detail`.

    `more` holds further members of the answer, such as a position.
    """

    def __init__(self, status: int, code: str, detail: str, **more: Any):
        super().__init__(detail, code)
        self.status_code = status
        self.more = more


NOT_FOUND = ("not_found", _("Esta notificação não existe, ou não é sua."))


def as_problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to `error`, for DRF; None, and so a 500, where the error was not foreseen."""
    if isinstance(error, RequestDataTooBig):
        error = TooLarge(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    answer = exception_handler(error, context)
    if answer is None:
        return None
    status = answer.status_code
    code, detail = _code_and_detail(error, status)
    if status in _ON_RECORD and "request" in context and not getattr(context["view"], "keeps_refusals", False):
        put_on_record(context["request"], code)
    answer.data = {
        "type": "about:blank",
        "title": str(TITLES.get(status, _("Erro"))),
        "status": status,
        "detail": str(detail),
        "code": code,
        **getattr(error, "more", {}),
    }
    renderer = getattr(context.get("request"), "accepted_renderer", JSONRenderer)
    if renderer.media_type.endswith("json"):  # the schema can be asked for as YAML, and its page is HTML
        answer.content_type = "application/problem+json"
    return answer


class NothingHere(APIView):
    """Answer 404 at what is no address of the API, such as one without its last slash, to any method and anybody."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = None
    keeps_refusals = True  # a scanner fills no audit trail

    def initial(self, request, *args, **kwargs) -> None:
        """Refuse before the method is looked at. Raises Http404."""
        raise Http404


def _code_and_detail(error: Exception, status: int) -> tuple[str, str]:
    match error:
        case Http404():
            return "not_found", _("Não há nada neste endereço.")
        case PermissionDenied():
            return "permission_denied", _("Você não tem permissão para isto.")
        case exceptions.APIException():
            code = str(getattr(error.detail, "code", None) or error.default_code)
            return code, _DETAILS.get(code, str(error.detail))
    return "error", TITLES.get(status, _("Erro"))


def name_their_type(result: dict[str, Any], **kwargs) -> dict[str, Any]:
    """Give errors their media type in the OpenAPI document; this is a hook of drf-spectacular."""
    calls = (call for path in result["paths"].values() for call in path.values())
    for status, answer in (answer for call in calls for answer in call["responses"].items()):
        if status >= "400" and "application/json" in answer.get("content", {}):
            answer["content"]["application/problem+json"] = answer["content"].pop("application/json")
    return result
