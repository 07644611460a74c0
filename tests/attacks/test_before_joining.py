"""Who becomes a member is given nothing from before: no answer has it, no token or page asks Ably for it."""

import re
from pathlib import Path

import pytest
from django.conf import settings as site
from django.test import Client

from notificacao import audiences, capability
from notificacao.models import Membership, Role
from tests.asgi import publish, set_rollout

LIVE = Path(site.BASE_DIR) / "notificacao" / "static" / "notificacao" / "live"
pytestmark = pytest.mark.django_db


@pytest.fixture
def newcomer(caio, cras_norte, settings, ably_key):
    """Caio joins the unit after something was said there."""
    settings.ABLY_API_KEY = ably_key
    set_rollout(everyone=True, breaker="closed")
    publish(("De antes",), audiences.channel_for_unit(cras_norte), {})
    Membership.objects.create(person=caio, role=Role.TECNICO, unit=cras_norte)
    browser = Client()
    browser.force_login(caio)
    return browser


def test_no_answer_has_what_was_said_before(newcomer):
    epoch = newcomer.get("/api/v1/session/").json()["position"].partition(".")[0]
    for asked in ({"after": f"{epoch}.0"}, {}, {"q": "antes"}):
        assert newcomer.get("/api/v1/notifications/", asked).json()["results"] == []


def test_a_token_lets_its_holder_subscribe_and_nothing_else(newcomer, caio):
    granted = newcomer.post("/api/v1/ably/token/").json()["capability"]
    assert granted == capability.of(audiences.channels_of([caio.pk])[caio.pk])
    assert {*map(tuple, granted.values())} == {("subscribe",)}


def test_no_page_that_shows_notifications_asks_ably_for_what_was():
    for file in LIVE.glob("*.js"):
        assert not re.search(r"rewind|untilAttach|\.history\(|setOptions|channels\.get\([^)]*,", file.read_text()), file
