"""The log's epoch: renewed by hand or by the dispatcher, and what each path makes of a cursor of another life."""

import io
import re

import pytest
from django.core.management import call_command
from django.db import connection

from notificacao import epoch, eventlog, reading, wakes
from notificacao.dispatcher import lease
from notificacao.dispatcher.stamp import LeadLost, stamp
from notificacao.epoch import LogResetDetector
from notificacao.eventlog import Cursor, ResyncNeeded
from notificacao.models import DispatcherLease, LogHead, Notification
from tests.lives import set_back
from tests.rows import write
from tests.stamping import stamp_all

pytestmark = pytest.mark.django_db

SYSTEM = "system:notifications"


@pytest.fixture
def term():
    return lease.hold("stamper", None)


def fill(count):
    for _ in range(count):
        write(SYSTEM)
    stamp_all()


def command(*arguments):
    output = io.StringIO()
    call_command("log_epoch", *arguments, stdout=output)
    return output.getvalue()


def word():
    return eventlog.head().epoch


def test_a_renewal_changes_the_word_and_nothing_else():
    fill(3)
    before, after = epoch.renew("a restore")
    assert before.epoch != after.epoch
    assert before.seq == after.seq == 3
    assert eventlog.position() == after
    assert list(Notification.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]


def test_a_renewal_wakes_hubs_and_dispatcher_once_it_is_committed(monkeypatch, django_capture_on_commit_callbacks):
    woken = []
    monkeypatch.setattr(wakes, "wake", woken.append)
    with django_capture_on_commit_callbacks(execute=True):
        epoch.renew("a restore")
        assert woken == []
    assert sorted(woken) == [wakes.DISPATCHER, wakes.HUBS]


def test_a_cursor_of_the_past_life_is_a_resync_wherever_the_new_one_has_got_to():
    fill(5)
    old = eventlog.position()
    set_back(2)
    epoch.renew("a restore")
    fill(9)
    for ask in (eventlog.check, lambda cursor: eventlog.read_after(cursor, {SYSTEM: 0}, 100)):
        with pytest.raises(ResyncNeeded) as needed:
            ask(old)
        assert needed.value.position == eventlog.position()


def test_the_api_answers_a_cursor_of_the_past_life_with_410_and_the_new_position(client, ana):
    fill(5)
    old = eventlog.position()
    set_back(2)
    epoch.renew("a restore")
    client.force_login(ana)
    answer = client.get(f"/api/v1/notifications/?after={old}")
    assert (answer.status_code, answer.json()["position"]) == (410, str(eventlog.position()))
    answer = client.post("/api/v1/notifications/read-all/", {"up_to": str(old)}, content_type="application/json")
    assert (answer.status_code, answer.json()["position"]) == (410, str(eventlog.position()))
    assert reading.unread_of(ana) == 2


def test_the_command_shows_epoch_head_and_trim():
    LogHead.objects.update(epoch="cafe01", seq=47, trimmed_to=11, home="7/1/3")
    assert command().splitlines() == ["época: cafe01", "última posição: 47", "apagado até: 11", "lugar: 7/1/3"]
    assert word() == "cafe01"


def test_the_command_renews_and_tells_both_positions():
    fill(2)
    old = word()
    assert command("--renew", "--reason", "a restore").splitlines() == [f"antes: {old}.2", f"depois: {word()}.2"]
    assert word() != old


# --- The reset detector


def test_a_log_that_grows_keeps_its_epoch(term):
    detector, old = LogResetDetector(), word()
    for _ in range(3):
        write(SYSTEM)
        stamp(term, reset_detector=detector)
        detector.look(leads=True)
    assert (word(), eventlog.position().seq) == (old, 3)


def test_a_leader_renews_the_epoch_of_a_log_that_was_set_back():
    fill(5)
    detector, old = LogResetDetector(), word()
    detector.look(leads=True)
    set_back(2)
    detector.look(leads=True)
    renewed = word()
    assert renewed != old
    detector.look(leads=True)
    assert word() == renewed


def test_nothing_is_stamped_in_the_epoch_of_a_log_that_was_set_back(term):
    """Between two looks, too: the detector is asked under the head's lock."""
    detector, old = LogResetDetector(), word()
    for _ in range(3):
        write(SYSTEM)
    stamp(term, reset_detector=detector)
    set_back(1)
    write(SYSTEM)
    assert len(stamp(term, reset_detector=detector)) == 1
    assert eventlog.position().epoch != old
    assert eventlog.position().seq == 2
    now = word()
    write(SYSTEM)
    stamp(term, reset_detector=detector)
    assert eventlog.position() == Cursor(now, 3)


def test_a_stamp_that_was_rolled_back_was_not_seen(term, monkeypatch):
    def fail(*args, **fields):
        raise ZeroDivisionError

    detector, old = LogResetDetector(), word()
    write(SYSTEM)
    with monkeypatch.context() as patch:
        patch.setattr("notificacao.dispatcher.stamp._number", fail)
        with pytest.raises(ZeroDivisionError):
            stamp(term, reset_detector=detector)
    stamp(term, reset_detector=detector)
    assert eventlog.position() == Cursor(old, 1)


def test_one_that_lost_the_lead_renews_nothing(term):
    detector, old = LogResetDetector(), word()
    write(SYSTEM)
    stamp(term, reset_detector=detector)
    set_back(0)
    write(SYSTEM)
    DispatcherLease.objects.update(term=term + 1)
    with pytest.raises(LeadLost):
        stamp(term, reset_detector=detector)
    assert word() == old


def test_a_standby_looks_on_and_remembers_for_the_time_when_it_leads():
    fill(5)
    detector, old = LogResetDetector(), word()
    detector.look(leads=False)
    set_back(2)
    detector.look(leads=False)
    assert word() == old
    detector.look(leads=True)
    assert word() != old


def test_a_renewal_by_somebody_else_is_taken_as_it_is():
    fill(5)
    detector = LogResetDetector()
    detector.look(leads=True)
    set_back(2)
    _, after = epoch.renew("a restore")
    detector.look(leads=True)
    assert eventlog.position() == after


def test_a_past_life_that_comes_back_shorter_is_set_back_too():
    fill(5)
    detector, first = LogResetDetector(), word()
    detector.look(leads=True)
    epoch.renew("a restore")
    detector.look(leads=True)
    set_back(3)
    LogHead.objects.update(epoch=first)
    detector.look(leads=True)
    assert word() != first


def test_a_log_that_lives_elsewhere_by_now_gets_another_epoch(monkeypatch):
    monkeypatch.setattr(epoch, "home", lambda: "7/00000001/16402")
    detector, old = LogResetDetector(), word()
    detector.look(leads=True)
    assert (word(), eventlog.head().home) == (old, "7/00000001/16402")  # the first home is no move
    monkeypatch.setattr(epoch, "home", lambda: "7/00000002/16402")
    detector.look(leads=False)
    assert word() == old
    detector.look(leads=True)
    renewed = word()
    assert (renewed != old, eventlog.head().home) == (True, "7/00000002/16402")
    detector.look(leads=True)
    assert word() == renewed


def test_where_the_database_cannot_tell_its_home_the_one_that_is_known_stands(monkeypatch):
    LogHead.objects.update(home="7/00000001/16402")
    monkeypatch.setattr(epoch, "home", lambda: "")
    old = word()
    LogResetDetector().look(leads=True)
    assert (word(), eventlog.head().home) == (old, "7/00000001/16402")


def test_home_is_cluster_timeline_and_table_on_postgresql_and_nothing_on_sqlite():
    assert re.fullmatch(r"\d+/[0-9A-F]{8}/\d+" if connection.vendor == "postgresql" else "", epoch.home())


def test_a_database_that_is_no_postgresql_has_no_home(monkeypatch):
    monkeypatch.setattr(connection, "vendor", "sqlite")
    assert epoch.home() == ""


@pytest.mark.postgres
def test_a_role_that_may_not_ask_the_cluster_knows_the_table_and_its_transaction_goes_on():
    """As with a managed service."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE hosted; GRANT SELECT ON notificacao_loghead TO hosted")
        cursor.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC; SET LOCAL ROLE hosted")
    table = re.search(r"\d+$", epoch.home())[0]
    assert epoch.home() == table
    assert eventlog.head().seq == 0
