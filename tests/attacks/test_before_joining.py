"""Who becomes a member is given nothing from before: no answer has it, no token or page asks Ably for it."""

import re
from pathlib import Path

import pytest
from django.conf import settings as site
from django.test import Client

from notificacao import audiences, capability, eventlog, keys
from notificacao.dispatcher import claims, lease
from notificacao.models import Channel, Membership, Notification, Role, StreamChange, Unit
from notificacao.stream import authorisation
from tests.asgi import publish, set_rollout
from tests.conftest import make_person
from tests.stamping import number_changes, renew_keys

LIVE = Path(site.BASE_DIR) / "notificacao" / "static" / "notificacao" / "live"
SENT = {"dispatch_state": "published"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def newcomer(ana, caio, cras_norte, settings, ably_key):
    """Caio joins the unit after something was said there."""
    settings.ABLY_API_KEY = ably_key
    set_rollout(everyone=True, breaker="closed")
    publish(("De antes",), audiences.channel_for_unit(cras_norte), SENT)
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


# --- Keys


def key_of(browser, channel):
    """What the session tells of the channel's key."""
    told = browser.get("/api/v1/session/?ed25519=true").json()
    assert told["transport"] == "ably"
    return next(state for state in told["channels"] if state["name"] == channel)


def given(browser, channel):
    """The keys that the session gives, in base64."""
    state = key_of(browser, channel)
    return {state["key"], *state["old_keys"]} - {None}


def key(channel, epoch):
    return keys.as_text(keys.channel_key(channel, epoch))


def test_a_newcomer_gets_no_key_of_what_was_sent_before_and_soon_gets_the_next(newcomer, norte):
    assert key_of(newcomer, norte)["key_epoch"] is None
    assert given(newcomer, norte) == set()
    number_changes()
    assert given(newcomer, norte) == {key(norte, 2)}


def test_a_newcomer_after_a_renewal_gets_none_of_the_keys_before(newcomer, norte):
    renew_keys(norte)
    renew_keys(norte)
    assert given(newcomer, norte) == {key(norte, 3), key(norte, 2)}


def test_a_renewal_from_before_somebody_joined_is_none_for_them(cras_norte, norte, newcomer):
    renew_keys(norte)
    publish(("Mais uma",), norte, SENT)
    dora = make_person("dora", Role.TECNICO, cras_norte)
    late = Client()
    late.force_login(dora)
    assert given(late, norte) == set()
    assert given(newcomer, norte) == {key(norte, 2)}
    number_changes()
    assert given(late, norte) == {key(norte, 3)}
    assert given(newcomer, norte) == {key(norte, 3), key(norte, 2)}


def test_what_was_under_way_at_the_renewal_and_went_with_the_new_key_is_from_before_too(newcomer, norte):
    assert given(newcomer, norte) == set()
    Notification.objects.update(dispatch_state="pending")
    number_changes()
    assert given(newcomer, norte) == set()
    Notification.objects.update(dispatch_state="published")
    assert given(newcomer, norte) == set()
    number_changes()
    assert given(newcomer, norte) == {key(norte, 3)}


def test_while_something_from_before_is_under_way_a_newcomer_has_no_key_renewed_again_and_again(newcomer, norte):
    Notification.objects.update(dispatch_state="pending")
    for _ in range(5):
        assert given(newcomer, norte) == set()
        number_changes()
    assert not StreamChange.objects.filter(kind="key", channel=norte).exists()
    Notification.objects.update(dispatch_state="published")
    assert given(newcomer, norte) == set()
    number_changes()
    assert given(newcomer, norte) == {key(norte, 2)}


def test_who_was_there_keeps_the_key_and_those_before_it(ana, newcomer, norte):
    stays = Client()
    stays.force_login(ana)
    assert given(stays, norte) == {key(norte, 1)}
    renew_keys(norte)
    assert given(stays, norte) == {key(norte, 2), key(norte, 1)}


def test_where_nothing_was_sent_yet_a_newcomer_gets_the_first_key_and_nothing_is_renewed(caio, cras_norte, newcomer):
    other = Unit.objects.create(code="CRAS09", name="CRAS Novo")
    Membership.objects.create(person=caio, role=Role.TECNICO, unit=other)
    channel = audiences.channel_for_unit(other)
    assert given(newcomer, channel) == {key(channel, 1)}
    publish(("A primeira",), channel, SENT)
    assert given(newcomer, channel) == {key(channel, 1)}
    assert not StreamChange.objects.filter(kind="key", channel=channel).exists()


def test_newcomers_who_ask_together_ask_for_one_renewal(newcomer, norte):
    for _ in range(3):
        given(newcomer, norte)
    assert StreamChange.objects.filter(kind="key", channel=norte).count() == 1


def test_members_that_no_signal_told_of_are_newcomers_too(newcomer, cras_norte, norte, bia):
    Membership.objects.filter(person=bia).delete()
    Membership.objects.bulk_create([Membership(person=bia, role=Role.COORDENADOR, unit=cras_norte)])
    late = Client()
    late.force_login(bia)
    number_changes()
    publish(("Mais uma",), norte, SENT)
    Membership.objects.filter(person=bia).update(since=eventlog.position().seq)
    assert given(late, norte) == set()


def test_the_stream_gives_a_newcomer_no_key_from_before_either(newcomer, caio, ana, norte):
    found = authorisation.keys_of([norte], [caio.pk, ana.pk], [])
    told = {pk: keys.told(found.channels[norte], found.permitted[pk][norte]) for pk in (caio.pk, ana.pk)}
    assert (told[caio.pk]["key"], told[ana.pk]["key"]) == (None, key(norte, 1))


def test_what_is_sent_again_from_before_goes_with_a_key_that_the_newcomer_is_not_given(ana, newcomer, norte):
    stays = Client()
    stays.force_login(ana)
    given(newcomer, norte)
    number_changes()
    assert given(newcomer, norte) == {key(norte, 2)}
    rows = Notification.objects.filter(channel=norte)
    rows.update(dispatch_state="failed")
    assert claims.send_again(rows.values("pk")) == 1
    term = lease.hold("claims", None)
    assert claims.claim(term) == ("", [])
    lease.release("claims")
    number_changes()
    term = lease.hold("claims", None)
    assert [row.title for row in claims.claim(term)[1]] == ["De antes"]
    lease.release("claims")
    assert Channel.objects.get(pk=norte).key_epoch == 3
    assert key(norte, 3) not in given(newcomer, norte)
    assert key(norte, 3) in given(stays, norte)
    rows.update(dispatch_state="published")
    given(newcomer, norte)
    number_changes()
    assert given(newcomer, norte) == {key(norte, 4)}
