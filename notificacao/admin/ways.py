"""Lead from the admin's home to the operators' pages: what each answers, to whoever may see it."""

from collections.abc import Iterator

from django.urls import reverse

from notificacao import staff_scope
from notificacao.admin import runbook


def ways_for(user) -> list[tuple[str, str]]:
    """Return `(address, words)` of each page that `user` may see."""
    return list(_ways(user))


def _ways(user) -> Iterator[tuple[str, str]]:
    if user.has_perm("notificacao.view_alert"):
        yield _list("alert"), "Alertas"
    if runbook.may_read(user):
        yield reverse("admin:plantao"), "Plantão: o que fazer em cada alerta"
    if staff_scope.to_watch(user):
        yield _list("connection"), "Quem está conectado"
    if user.has_perm("notificacao.view_activechannel"):
        yield _list("activechannel"), "Canais ativos"
    if staff_scope.to_see(user):
        yield _list("notification"), "Notificações enviadas, e o alcance de cada uma"
    if user.has_perm("notificacao.view_figureminute"):
        yield _list("figureminute"), "Metas"
    if user.has_perm("notificacao.view_costgovernor"):
        yield _list("costgovernor"), "Custo"


def _list(model: str) -> str:
    return reverse(f"admin:notificacao_{model}_changelist")
