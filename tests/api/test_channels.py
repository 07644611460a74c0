"""GET /api/v1/ably/channels/, and the same list in the admin: for staff who may see it, and for nobody else."""

import pytest

from notificacao import audiences, presence
from notificacao.api import ably
from notificacao.presence import Count
from tests.staff import make_staff

pytestmark = pytest.mark.django_db

URL = "/api/v1/ably/channels/"
ADMIN = "/admin/notificacao/activechannel/"


@pytest.fixture
def as_bia(client, db):
    client.force_login(make_staff("bia", "view_activechannel"))
    return client


@pytest.fixture
def told(cras_norte):
    """What one process told."""
    channels = {audiences.channel_for_unit(cras_norte): Count(3, 2), "system:notifications": Count(4, 2)}
    presence.record_process("one")
    presence.write_counts("one", channels, channels)
    return channels


def test_staff_see_each_channel_its_subscribers_and_since_when(as_bia, told):
    answer = as_bia.get(URL)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    body = answer.json()
    assert body["more"] is False
    found = {entry["name"]: (entry["on_sse"], entry["on_ably"], entry["tokens"]) for entry in body["results"]}
    assert found == {name: (*count, 0) for name, count in told.items()}
    assert all(entry["since"].endswith("Z") for entry in body["results"])


def test_a_long_list_comes_in_pages_by_name(as_bia, told, monkeypatch):
    monkeypatch.setattr(ably, "CHANNELS_MAX", 1)
    first = as_bia.get(URL).json()
    assert first["more"] is True
    second = as_bia.get(URL, {"after": first["results"][0]["name"]}).json()
    assert second["more"] is False
    assert [entry["name"] for entry in first["results"] + second["results"]] == sorted(told)


def test_whoever_lacks_the_permission_or_is_no_staff_sees_nothing(client, told, ana):
    client.force_login(ana)
    assert client.get(URL).status_code == 403
    ana.user_permissions.set(make_staff("bia", "view_activechannel").user_permissions.all())
    assert client.get(URL).status_code == 403
    client.force_login(make_staff("caio", "view_unit"))
    answer = client.get(URL)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert client.get(ADMIN).status_code == 403


def test_who_is_not_logged_in_gets_401(client, told):
    assert client.get(URL).status_code == 401


def test_the_admin_shows_the_same_with_whose_each_channel_is_and_lets_nobody_edit(as_bia, told):
    page = as_bia.get(ADMIN)
    text = page.content.decode()
    for name in told:
        assert name in text
    assert "CRAS Norte" in text
    assert "Todos" in text
    assert "2 canais." in text
    assert as_bia.get(f"{ADMIN}add/").status_code == 403


def test_what_stands_in_a_name_is_shown_as_text(as_bia, cras_norte, told):
    cras_norte.name = "<script>alert(1)</script>"
    cras_norte.save()
    assert "<script>alert(1)" not in as_bia.get(ADMIN).content.decode()
