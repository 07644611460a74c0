"""The list of alerts: what is open first, each with a link to what is to be done, and nothing to edit."""

from datetime import timedelta

import pytest
from django.utils import timezone

from notificacao.models import Alert
from tests.staff import make_staff

pytestmark = pytest.mark.django_db
LIST = "/admin/notificacao/alert/"


@pytest.fixture
def browser(client):
    client.force_login(make_staff("dora", "view_alert"))
    return client


@pytest.fixture
def three():
    now = timezone.now()
    Alert.objects.create(name="BreakerOpen", opened_at=now - timedelta(days=2), detail="Motivo: 503.")
    Alert.objects.create(name="RedisAway", closed_at=now)
    Alert.objects.create(name="OfTomorrow", closed_at=now - timedelta(days=1))


def names(response) -> list[str]:
    return [alert.name for alert in response.context["cl"].result_list]


def test_what_is_open_comes_first_and_then_the_latest(browser, three):
    page = browser.get(LIST)
    assert names(page) == ["BreakerOpen", "RedisAway", "OfTomorrow"]
    text = page.content.decode()
    assert "Alertas" in text
    assert "O Ably está fora de uso" in text
    assert "em aberto" in text
    assert 'href="/admin/plantao/#BreakerOpen"' in text


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("aberto=sim", ["BreakerOpen"]), ("aberto=nao", ["RedisAway", "OfTomorrow"]), ("nome=RedisAway", ["RedisAway"])],
)
def test_the_filters(browser, three, asked, shown):
    assert names(browser.get(f"{LIST}?{asked}")) == shown


def test_nobody_edits_them(client, three):
    client.force_login(make_staff("eva", "view_alert", "add_alert", "change_alert", "delete_alert"))
    alert = Alert.objects.first()
    page = client.get(f"{LIST}{alert.pk}/change/")
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{alert.pk}/change/", {"detail": "x"}).status_code == 403
    assert client.post(f"{LIST}{alert.pk}/delete/", {"post": "yes"}).status_code == 403


def test_who_may_not_view_them_sees_none(client, three):
    client.force_login(make_staff("eva", "view_unit"))
    assert client.get(LIST).status_code == 403
