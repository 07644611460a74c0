"""What every answer says to the browser, and what a new password ends."""

import pytest
from django.test import Client
from django.urls import reverse

PASSWORD = "segredo-de-teste"


@pytest.mark.parametrize("address", ["/entrar/", "/api/v1/session/", "/health/live", "/admin/login/"])
def test_every_answer_gives_up_what_no_page_needs(client, db, address):
    assert "camera=()" in client.get(address)["Permissions-Policy"]
    assert client.get(address)["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("address", ["/api/v1/session/", "/notificacoes/"])
def test_what_is_a_persons_own_is_kept_by_no_cache(as_ana, address):
    assert "no-store" in as_ana.get(address)["Cache-Control"]


def test_a_token_is_kept_by_no_cache(as_ana, settings):
    from tests.asgi import set_rollout

    settings.ABLY_API_KEY = "app.key:segredo-de-teste-com-32-letras-x"
    set_rollout(percent=100, breaker="closed")
    assert as_ana.post("/api/v1/ably/token/")["Cache-Control"] == "no-store"


def test_a_new_password_ends_every_other_login(admin_user):
    here, elsewhere = Client(), Client()
    for browser in (here, elsewhere):
        browser.force_login(admin_user)
    new = {"old_password": "password", "new_password1": "outra-senha-boa", "new_password2": "outra-senha-boa"}
    here.post(reverse("admin:password_change"), new)
    assert [browser.get("/api/v1/session/").status_code for browser in (here, elsewhere)] == [200, 401]
