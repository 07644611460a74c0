"""A unit that is inactive: not offered, not sent to, its people told once, what was there readable."""

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.db.models import F

from notificacao import audiences, services
from notificacao.content import InactiveUnit, InvalidNotification, Notice
from notificacao.management.commands import simulate
from notificacao.models import BenefitType, Membership, Notification, Role, Unit
from notificacao.reading import Filter, Reader
from tests.conftest import make_person
from tests.producers import System, make_producer, to
from tests.rows import write_stamped
from tests.staff import complaints, told
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db
ADD = "/admin/notificacao/notification/add/"
CONTENT = {"title": "Composta", "message": "m", "kind": "sistema", "priority": "normal"}


def set_status(unit, status):
    unit.status = status
    unit.save()


@pytest.fixture
def closed(cras_norte):
    set_status(cras_norte, Unit.Status.INACTIVE)
    Notification.objects.all().delete()  # what its people were told
    return cras_norte


def titles():
    return list(Notification.objects.order_by("pk").values_list("channel", "title"))


# --- Sending


def test_nothing_is_sent_to_it_and_the_error_names_it(closed, ana):
    channels = [audiences.channel_for_user(ana), audiences.channel_for_unit(closed)]
    with pytest.raises(InactiveUnit, match="unidade inativa, que não recebe notificações: CRAS01") as refused:
        services.notify(channels, title="t", message="m")
    assert refused.value.code == "inactive_unit"
    assert isinstance(refused.value, InvalidNotification)
    assert titles() == []


def test_what_failed_there_is_not_sent_again_and_staff_are_told_why(admin_client, closed, ana):
    failed = write_stamped(1, audiences.channel_for_unit(closed), dispatch_state="failed")
    other = write_stamped(2, audiences.channel_for_user(ana), dispatch_state="failed")
    chosen = {"action": "send_again", "_selected_action": [failed.pk, other.pk]}
    response = admin_client.post("/admin/notificacao/notification/", chosen, follow=True)
    assert told(response) == [
        "Unidade inativa, que não recebe notificações: CRAS01.",
        "1 notificação voltou à fila de envio.",
    ]
    states = Notification.objects.order_by("seq").values_list("dispatch_state", flat=True)
    assert list(states) == ["failed", "pending"]


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "x"}])
@pytest.mark.parametrize("times", [1, 2])
def test_a_system_whose_sending_is_under_way_when_it_closes_is_told_so(cras_norte, monkeypatch, key, times):
    system, before, left = System(make_producer()), services.notify_many, [times]

    def closed_meanwhile(*args, **kwargs):
        if left[0]:
            left[0] -= 1
            raise InactiveUnit({"channels": "unidade inativa, que não recebe notificações: CRAS01"})
        return before(*args, **kwargs)

    monkeypatch.setattr(services, "notify_many", closed_meanwhile)
    answer = system.post(to(units=["CRAS01"]), **key)
    if times == 2:
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "recipients_changed", "1")
        assert Notification.objects.count() == 0
        answer = system.post(to(units=["CRAS01"]), **key)
    assert (answer.status_code, Notification.objects.count()) == (201, 1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("key", [True, False])
def test_a_real_closing_before_any_statement_of_a_systems_call_is_told_or_comes_too_late(cras_norte, key):
    """In a transaction of its own, on another connection, committed while the call is under way."""
    system = System(make_producer())
    kept, said = [], {}
    for place in itertools.count():
        set_status(cras_norte, Unit.Status.ACTIVE)
        Notification.objects.all().delete()
        with closing_before_statement(place, cras_norte) as closed:
            answer = system.post(to(units=["CRAS01"]), **({"Idempotency-Key": f"k{place}"} if key else {}))
        if not closed:
            break
        sent = Notification.objects.exclude(title="Unidade desativada").count()
        said[answer.status_code] = answer.json()
        kept.append((answer.status_code, sent))
    assert answer.status_code == 201
    assert set(kept) == {(400, 0), (201, 1)} or set(kept) == {(400, 0), (409, 0), (201, 1)}, kept
    assert "inactive_unit" in str(said[400])


@contextlib.contextmanager
def closing_before_statement(place, unit):
    """Within, the unit is closed before that statement of this thread's; yields a list that is empty until then."""
    closed, count = [], itertools.count()

    def close():
        set_status(Unit.objects.get(pk=unit.pk), Unit.Status.INACTIVE)
        connection.close()

    def meanwhile(execute, *statement):
        if next(count) == place:
            closed.append(other.submit(close).result(PATIENCE))
        return execute(*statement)

    with ThreadPoolExecutor(1) as other, connection.execute_wrapper(meanwhile):
        yield closed


def test_it_is_not_offered_and_a_crafted_form_is_refused(admin_client, closed, cras_sul):
    offered = admin_client.get(ADD).context["adminform"].form.fields["unit"].queryset
    assert list(offered) == [cras_sul]
    sentence = "Esta unidade não existe, está inativa ou não é das que você coordena."
    assert complaints(admin_client.post(ADD, CONTENT | {"unit": closed.pk})) == [sentence]
    assert titles() == []


def test_a_form_that_was_checked_just_before_sends_nothing_and_says_so(admin_client, cras_norte, monkeypatch):
    before = services.notify_many

    def deactivated_meanwhile(*args, **kwargs):
        monkeypatch.setattr(services, "notify_many", before)
        Unit.objects.update(status=Unit.Status.INACTIVE)
        Notification.objects.all().delete()  # what its people were told
        return before(*args, **kwargs)

    monkeypatch.setattr(services, "notify_many", deactivated_meanwhile)
    answer = admin_client.post(ADD, CONTENT | {"unit": cras_norte.pk}, follow=True)
    assert told(answer) == ["Nada foi enviado: unidade inativa, que não recebe notificações: CRAS01."]


def test_a_simulation_that_knew_it_goes_on_without_it(closed):
    simulate._send(Notice.of(channels=[audiences.channel_for_unit(closed)], title="t", message="m"))
    assert titles() == []


def test_once_active_again_it_receives_and_is_offered(admin_client, closed):
    set_status(closed, Unit.Status.ACTIVE)
    admin_client.post(ADD, CONTENT | {"unit": closed.pk})
    assert titles() == [(audiences.channel_for_unit(closed), "Composta")]


@pytest.mark.parametrize("page", ["/admin/notificacao/membership/add/", "/admin/notificacao/person/{}/change/"])
def test_nobody_new_is_put_into_it(admin_client, closed, cras_sul, ana, page):
    text = admin_client.get(page.format(ana.pk)).content.decode()
    assert f'<option value="{cras_sul.pk}">{cras_sul}</option>' in text
    assert f">{closed}</option>" not in text


# --- Its people


def test_its_people_are_told_once_in_the_same_transaction(ana, bia, caio, cras_norte):
    with transaction.atomic():
        set_status(cras_norte, Unit.Status.INACTIVE)
        assert titles() == [(audiences.channel_for_unit(cras_norte), "Unidade desativada")]
        transaction.set_rollback(True)
    assert titles() == []
    cras_norte.refresh_from_db()
    for _ in range(2):
        set_status(cras_norte, Unit.Status.INACTIVE)
    assert titles() == [(audiences.channel_for_unit(cras_norte), "Unidade desativada")]


def test_the_admins_page_of_the_unit_tells_them_too(admin_client, cras_norte):
    page = f"/admin/notificacao/unit/{cras_norte.pk}/change/"
    fields = {"code": "CRAS01", "name": "CRAS Norte", "sigla": "CN", "kind": "cras", "status": "inativa"}
    management = {f"memberships-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    admin_client.post(page, fields | management)
    assert titles() == [(audiences.channel_for_unit(cras_norte), "Unidade desativada")]


def by_one_statement(units):
    assert Unit.objects.filter(pk__in=[unit.pk for unit in units]).update(status=Unit.Status.INACTIVE) == len(units)


def by_a_case(units):
    for unit in units:
        unit.status = Unit.Status.INACTIVE
    Unit.objects.bulk_update(units, ["status"])


def from_a_benefit(units):
    benefit = BenefitType.objects.create(slug="x", name="x")
    benefit.units.set(units)
    benefit.units.update(status=Unit.Status.INACTIVE, sigla="X")


@pytest.mark.parametrize("close", [by_one_statement, by_a_case, from_a_benefit])
def test_the_people_of_units_that_are_closed_in_bulk_are_told_once_each(cras_norte, cras_sul, close):
    told_each = [(audiences.channel_for_unit(unit), "Unidade desativada") for unit in (cras_norte, cras_sul)]
    with transaction.atomic():
        close([cras_norte, cras_sul])
        transaction.set_rollback(True)
    assert titles() == []
    for _ in range(2):
        close(list(Unit.objects.order_by("pk")))
        BenefitType.objects.all().delete()
    assert titles() == told_each
    assert set(Unit.objects.values_list("status", flat=True)) == {Unit.Status.INACTIVE}


@pytest.mark.parametrize("change", [{"name": "x"}, {"status": Unit.Status.ACTIVE}, {"status": F("status")}])
def test_other_changes_in_bulk_tell_nobody(cras_norte, change):
    assert Unit.objects.update(**change) == 1
    assert titles() == []


def test_a_change_of_its_name_alone_and_a_new_inactive_unit_tell_nobody(cras_norte):
    cras_norte.status = Unit.Status.INACTIVE
    cras_norte.save(update_fields=["name"])
    Unit.objects.create(code="CRAS09", name="Nova", kind=Unit.Kind.CRAS, status=Unit.Status.INACTIVE)
    assert titles() == []


def test_what_was_sent_to_it_stays_readable_to_its_people_and_its_coordinator(closed, ana, client):
    write_stamped(1, audiences.channel_for_unit(closed), title="Antes")
    assert [row.title for row in Reader(ana).inbox(Filter())] == ["Antes"]
    carla = make_person("carla", is_staff=True)
    Membership.objects.create(person=carla, role=Role.COORDENADOR, unit=closed)
    client.force_login(carla)
    assert [row.title for row in client.get("/admin/notificacao/notification/").context["cl"].result_list] == ["Antes"]
