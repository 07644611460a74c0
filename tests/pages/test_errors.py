"""What goes wrong is told by a page of this site, in Portuguese; and a demonstration's links lead to a page."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.test import Client
from django.urls import path

from notificacao.demo import people as demo
from notificacao.models import Notification
from notificacao.pages import busy
from semtas import urls as site


def failing(error):
    def view(request):
        raise error

    return view


urlpatterns = [
    *site.urlpatterns,
    path("400/", failing(SuspiciousOperation())),
    path("403/", failing(PermissionDenied())),
    path("500/", failing(RuntimeError())),
    path("503/", busy.answer),
]
handler403 = site.handler403
SENTENCES = {
    400: "O navegador pediu algo que este sistema não entende",
    403: "Você não tem permissão para isto.",
    404: "Não há nada neste endereço.",
    500: "O sistema não conseguiu responder",
    503: "O sistema está ocupado e o seu pedido não foi feito.",
}


def is_ours(response) -> bool:
    page = response.content.decode()
    return all(part in page for part in ('<html lang="pt-BR"', "notificacao/style.css", 'class="brand"'))


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("status", SENTENCES)
def test_an_error_has_a_page_of_the_site_in_portuguese(db, status):
    response = Client(raise_request_exception=False).get(f"/{status}/")
    assert (response.status_code, is_ours(response)) == (status, True)
    assert SENTENCES[status] in response.content.decode()


@pytest.mark.parametrize("debug", [False, True])
def test_a_form_that_is_not_of_the_site_has_one_too(db, settings, debug):
    settings.DEBUG = debug
    response = Client(enforce_csrf_checks=True).post("/entrar/", {"username": "ana"})
    assert (response.status_code, is_ours(response)) == (403, True)
    assert "O pedido não veio de uma página deste sistema" in response.content.decode()


def test_each_link_of_the_demonstration_leads_to_a_page(client, db, settings):
    settings.DEBUG = True
    cast = demo.prepare()
    client.force_login(cast.people["ana"])
    linked = Notification.objects.filter(link__startswith="/solicitacoes/")
    links = set(linked.values_list("link", flat=True))
    assert links
    for link in links:
        response = client.get(link)
        assert (response.status_code, is_ours(response)) == (200, True)
        assert f"Solicitação {link.split('/')[2]}" in response.content.decode()


def test_in_production_those_addresses_are_another_systems(as_ana):
    assert as_ana.get("/solicitacoes/SOL-000101/").status_code == 404
