"""Staff see which channels lose something, and who is connected: of the units that they reach."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notificacao import eventlog, presence
from notificacao.figures import channels
from notificacao.models import (
    ActiveChannel,
    DispatchState,
    FigureMinute,
    LogHead,
    Membership,
    Person,
    Receipt,
    Role,
)
from notificacao.presence import Count, Pages
from tests.conftest import make_person
from tests.rows import write_stamped
from tests.staff import make_staff

pytestmark = pytest.mark.django_db

WHO = "/admin/notificacao/connection/"
CHANNELS = "/admin/notificacao/activechannel/"


@pytest.fixture
def here(ana, bia, caio):
    """Ana has two pages open, one of them on Ably; Bia and Caio one each."""
    presence.record_process("one")
    everybody = {ana.pk: Pages(1, 1, "Firefox no Windows"), bia.pk: Pages(1, 0), caio.pk: Pages(0, 1)}
    presence.write_connections("one", everybody)


def browser_of(person) -> Client:
    browser = Client()
    browser.force_login(person)
    return browser


def shown(browser, **query) -> list[str]:
    return sorted(person.username for person in browser.get(WHO, query).context["page"])


def test_an_operator_sees_each_person_once_with_pages_browser_and_last_receipt(here, ana):
    now = eventlog.now()
    for seq, transport in ((1, "sse"), (2, "ably")):
        row = write_stamped(seq)
        Receipt.objects.create(person=ana, notification=row, delivered_at=now, transport=transport, latency_ms=5)
    presence.record_process("two")
    presence.write_connections("two", {ana.pk: Pages(1, 0)})
    page = browser_of(make_staff("dora", "view_connection")).get(WHO)
    [found] = [person for person in page.context["page"] if person.pk == ana.pk]
    assert (found.live, found.standby, found.pages, found.transport_label) == (2, 1, 3, "Ably")
    assert "pelo Ably e por SSE" in page.content.decode()
    assert "Firefox no Windows" in page.content.decode()


def test_a_name_is_searched_for(here):
    browser = browser_of(make_staff("dora", "view_connection"))
    assert shown(browser) == ["ana", "bia", "caio"]
    assert shown(browser, q="BI") == ["bia"]
    Person.objects.filter(username="caio").update(first_name="João", last_name="Conceição")
    assert shown(browser, q="conceicao JOAO") == ["caio"]
    assert shown(browser, q="%_", p="nada") == []


def test_a_coordinator_with_the_permission_sees_the_people_of_her_own_units(here, cras_norte):
    carla = make_staff("carla", "view_connection")
    Membership.objects.create(person=carla, role=Role.COORDENADOR, unit=cras_norte)
    assert shown(browser_of(carla)) == ["ana", "bia"]
    assert shown(browser_of(carla), q="caio") == []


@pytest.mark.parametrize("role", [Role.TECNICO, Role.COORDENADOR])
def test_a_role_alone_shows_nobody_nor_does_the_permission_with_a_role_that_reaches_nobody(here, cras_norte, role):
    without = make_staff("dora")
    Membership.objects.create(person=without, role=role, unit=cras_norte)
    assert browser_of(without).get(WHO).status_code == 403
    held = make_staff("eva", "view_connection")
    Membership.objects.create(person=held, role=Role.TECNICO, unit=cras_norte)
    assert browser_of(held).get(WHO).status_code == 403


@pytest.mark.slow
def test_the_list_asks_as_often_of_many_people_as_of_few(here):
    browser = browser_of(make_staff("dora", "view_connection"))
    browser.get(WHO)
    few = queries(browser, WHO)
    people = Person.objects.bulk_create(
        [Person(username=f"p{number}", password="!") for number in range(2_000)], batch_size=1_000
    )
    for begin in range(0, 2_000, 500):
        presence.write_connections("one", {person.pk: Pages(1, 0) for person in people[begin : begin + 500]})
    presence.record_process("one")
    assert queries(browser, WHO) <= few
    assert browser.get(WHO).context["page"].paginator.count == 2_003


def queries(browser, address) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)


# --- What becomes of what is sent to a channel


def listened(channel, since):
    presence.record_process("one")
    presence.write_counts("one", {channel: Count(1, 0)}, [])
    ActiveChannel.objects.update(since=since)


def sent(seq, channel, state, ago, **fields):
    LogHead.objects.update(seq=seq)
    return write_stamped(seq, channel, dispatch_state=state, stamped_at=eventlog.now() - ago, **fields)


def outcome(channel):
    found, cut = channels.outcomes(presence.active_channels())
    return found[channel], cut


def test_each_channel_has_what_became_of_its_rows_of_a_day(ana, of_ana):
    listened(of_ana, eventlog.now() - timedelta(hours=1))
    sent(1, of_ana, DispatchState.FAILED, timedelta(hours=25))
    sent(2, of_ana, DispatchState.PUBLISHED, timedelta(hours=2))  # before the page was opened
    row = sent(3, of_ana, DispatchState.PUBLISHED, timedelta(minutes=30))
    sent(4, of_ana, DispatchState.FAILED, timedelta(minutes=20))
    sent(5, of_ana, DispatchState.SKIPPED, timedelta(seconds=5))  # its receipt may still come
    sent(6, of_ana, DispatchState.PENDING, timedelta(seconds=1))
    Receipt.objects.create(person=ana, notification=row, delivered_at=eventlog.now(), transport="ably", latency_ms=9)
    found, cut = outcome(of_ana)
    assert (found.published, found.failed, found.skipped, found.missing, cut) == (2, 1, 1, 1, False)
    assert found.errors == 50.0
    page = Client()
    page.force_login(make_staff("dora", "view_activechannel"))
    assert "50,0%" in page.get(CHANNELS).content.decode()


def test_of_a_shared_channel_whose_receipts_are_not_all_kept_nothing_is_said(norte, settings):
    settings.RECEIPT_SHARED_SAMPLE = 0.5
    listened(norte, eventlog.now() - timedelta(hours=1))
    sent(1, norte, DispatchState.SKIPPED, timedelta(minutes=30))
    assert outcome(norte)[0].missing is None
    settings.RECEIPT_SHARED_SAMPLE = 1
    assert outcome(norte)[0].missing == 1


def test_a_long_day_is_counted_in_its_newest_rows_and_the_page_says_so(norte, monkeypatch):
    monkeypatch.setattr(channels, "MOST", 2)
    listened(norte, eventlog.now())
    for seq in (1, 2, 3):
        sent(seq, norte, DispatchState.SKIPPED, timedelta(hours=1))
    found, cut = outcome(norte)
    assert (found.skipped, cut) == (2, True)


def test_a_minute_of_a_day_ago_tells_where_to_begin(norte):
    listened(norte, eventlog.now())
    sent(900_000, norte, DispatchState.SKIPPED, timedelta(hours=1))
    FigureMinute.objects.create(at=eventlog.now() - timedelta(hours=24, minutes=2), seq_to=899_999)
    assert (outcome(norte)[0].skipped, outcome(norte)[1]) == (1, False)


def test_an_outsider_sees_neither(here):
    browser = browser_of(make_person("dora", is_staff=True))
    assert {browser.get(page).status_code for page in (WHO, CHANNELS)} == {403}
