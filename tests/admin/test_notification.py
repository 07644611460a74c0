"""Staff look at notifications in the admin, and send again what failed; nothing is edited or deleted there."""

import re

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from notificacao import audiences, wakes
from notificacao.admin import notification as notification_admin
from notificacao.admin import notification_list
from notificacao.models import DispatchState, Notification
from tests.plans import plan_of
from tests.rows import write_stamped
from tests.staff import make_staff, told

LIST = "/admin/notificacao/notification/"


@pytest.fixture
def as_viewer(client, db):
    client.force_login(make_staff("eva", "view_notification"))
    return client


@pytest.fixture
def as_operator(client, db):
    client.force_login(make_staff("dora", "view_notification", "change_notification"))
    return client


@pytest.fixture
def failed(ana):
    return write_stamped(
        7, audiences.channel_for_user(ana), dispatch_state=DispatchState.FAILED, attempts=3, error="503: away"
    )


def detail(row):
    return f"{LIST}{row.pk}/change/"


def send_again(row):
    return f"{LIST}{row.pk}/send-again/"


def titles(response):
    return [row.title for row in response.context["cl"].result_list]


def column(response, name):
    return re.findall(rf'<t[dh] class="field-{name}[^"]*">(.*?)</t[dh]>', response.content.decode())


def state(row):
    return Notification.objects.values_list("dispatch_state", flat=True).get(pk=row.pk)


# --- Looking


def test_the_list_names_recipients_as_staff_know_them(as_viewer, ana, cras_norte, aluguel_social):
    ana.first_name, ana.last_name = "Ana", "Ribeiro"
    ana.save()
    for seq, channel in enumerate(
        (
            audiences.channel_for_user(ana),
            audiences.channel_for_unit(cras_norte),
            audiences.channel_for_benefit(aluguel_social),
            audiences.SYSTEM_CHANNEL,
            "private:unit:closed:notifications",
        )
    ):
        write_stamped(seq, channel)
    assert column(as_viewer.get(LIST), "recipient") == [
        "private:unit:closed:notifications (não existe mais)",
        "Todos",
        "Aluguel social",
        "CRAS01 – CRAS Norte",
        "Ana Ribeiro (ana)",
    ]


def test_the_list_tells_what_became_of_each(as_viewer, failed):
    response = as_viewer.get(LIST)
    shown = [column(response, name) for name in ("kind", "priority", "dispatch_state")]
    assert shown == [["Sistema"], ["Normal"], ["Falhou no Ably"]]


def test_the_number_of_queries_does_not_grow_with_the_list(as_viewer, ana, bia, cras_norte, cras_sul):
    owners = [
        *map(audiences.channel_for_user, (ana, bia)),
        *map(audiences.channel_for_unit, (cras_norte, cras_sul)),
    ]
    spent = []
    for size in (4, 40):
        for seq in range(size):
            write_stamped(seq + size, owners[seq % 4])
        with CaptureQueriesContext(connection) as queries:
            assert len(titles(as_viewer.get(LIST))) >= size
        spent.append(len(queries))
    assert spent[0] == spent[1]


def test_the_table_is_never_counted_as_a_whole(as_viewer, failed):
    with CaptureQueriesContext(connection) as queries:
        as_viewer.get(LIST)
    counts = [query["sql"] for query in queries if "COUNT(*)" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 5000" in counts[0]


def test_the_list_pages_through_the_newest(as_viewer, monkeypatch):
    monkeypatch.setattr(notification_list, "LISTED", 60)
    for seq in range(1, 71):
        write_stamped(seq, title=f"n{seq}")
    assert titles(as_viewer.get(LIST)) == [f"n{seq}" for seq in range(70, 20, -1)]
    assert titles(as_viewer.get(LIST, {"p": 2})) == [f"n{seq}" for seq in range(20, 10, -1)]


def test_a_title_is_found_by_a_part_of_it_and_an_id_by_all_of_it(as_viewer):
    first = write_stamped(1, title="Reunião de equipe")
    write_stamped(2, title="Outra coisa")
    for term in ("equipe", str(first.public_id), f" {first.public_id.hex} "):
        assert titles(as_viewer.get(LIST, {"q": term})) == ["Reunião de equipe"]
    assert titles(as_viewer.get(LIST, {"q": str(first.public_id)[:-1]})) == []


@pytest.mark.parametrize(
    ("field", "value"), [("dispatch_state", "failed"), ("kind", "alerta"), ("priority", "urgente")]
)
def test_the_list_is_filtered_by_state_kind_and_priority(as_viewer, field, value):
    write_stamped(1, title="sim", **{field: value})
    write_stamped(2, title="não")
    assert titles(as_viewer.get(LIST, {f"{field}__exact": value})) == ["sim"]


def test_what_was_sent_to_everybody_is_another_choice_than_no_filter(as_viewer, ana):
    write_stamped(1, audiences.SYSTEM_CHANNEL, title="sim")
    write_stamped(2, audiences.channel_for_user(ana), title="não")
    page = as_viewer.get(LIST, {"para": "system"})
    assert titles(page) == ["sim"]
    assert "Por destinatário" in page.content.decode()
    choices = [choice["display"] for choice in page.context["cl"].filter_specs[0].choices(page.context["cl"])]
    assert choices == ["Todos", "Uma pessoa", "Uma unidade", "Um benefício", "Para todos"]


def test_a_filter_looks_among_the_newest_and_finds_all_that_failed(as_viewer, monkeypatch):
    monkeypatch.setattr(notification_list, "FILTERED", 4)
    for seq, title in enumerate(("velha", "média", "nova"), start=1):
        write_stamped(2 * seq, title=title, kind="alerta", dispatch_state="failed")
        write_stamped(2 * seq + 1, title="outra")
    for asked, found in (
        ({"kind__exact": "alerta"}, ["nova", "média"]),
        ({"para": "system", "q": "a"}, ["outra", "nova", "outra", "média"]),
        ({"q": "velha"}, ["velha"]),
        ({"dispatch_state__exact": "failed"}, ["nova", "média", "velha"]),
    ):
        assert titles(as_viewer.get(LIST, asked)) == found, asked


@pytest.mark.postgres
def test_the_log_is_not_looked_through_for_what_failed_or_was_sent_to_somebody(as_viewer, ana):
    write_stamped(1, audiences.channel_for_user(ana))
    plans = []
    for asked in ({"dispatch_state__exact": "failed"}, {"q": ana.username}):
        with CaptureQueriesContext(connection) as queries:
            as_viewer.get(LIST, asked)
        (count,) = (query["sql"] for query in queries if "COUNT(*)" in query["sql"])
        plans.append(plan_of(count.replace("%", "%%")))
    assert "notification_failed" in plans[0]
    assert "SubPlan" not in plans[1]  # it would be asked for each row of the log


def test_the_detail_tells_everything_and_offers_nothing_to_fill_in(as_operator, failed):
    page = as_operator.get(detail(failed)).content.decode()
    told = re.findall(r'<div class="readonly">(.*?)</div>', page)
    assert {"ana", "Sistema", "Normal", "Nova solicitação", "Falhou no Ably", "3", "503: away", "7"} <= {*told}
    assert str(failed.public_id) in told
    assert not re.search(r'<(input type="text"|select|textarea)', page)
    assert 'name="_save"' not in page
    assert "Depois deste momento" not in page


def test_a_script_in_a_title_is_text(as_viewer):
    row = write_stamped(1, title="<script>alert(1)</script>", message="<script>alert(1)</script>")
    for page in (LIST, detail(row)):
        assert b"<script>alert" not in as_viewer.get(page).content


def test_not_even_an_administrator_edits_or_deletes(client, django_user_model, failed):
    client.force_login(django_user_model.objects.create_superuser("admin"))
    assert client.post(detail(failed), {"title": "Outro"}).status_code == 403
    assert client.post(f"{LIST}{failed.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [failed.pk], "post": "yes"})
    assert Notification.objects.get().title == "Nova solicitação"


def test_who_may_not_look_sees_nothing(client, failed):
    client.force_login(make_staff("eva", "view_unit"))
    assert client.get(LIST).status_code == 403
    assert client.get(detail(failed)).status_code == 403


# --- Sending again


def test_the_button_sends_a_failed_one_again_under_its_own_id(as_operator, failed):
    assert f'formaction="{send_again(failed)}"' in as_operator.get(detail(failed)).content.decode()
    response = as_operator.post(send_again(failed), follow=True)
    assert response.redirect_chain == [(detail(failed), 302)]
    assert told(response) == ["1 notificação voltou à fila de envio."]
    again = Notification.objects.get()
    assert (again.dispatch_state, again.error, again.public_id) == ("pending", "", failed.public_id)


def test_what_cannot_be_put_on_record_is_not_sent_again(as_operator, failed, monkeypatch):
    def away(*args, **kwargs):
        raise DatabaseError

    monkeypatch.setattr(notification_admin.audit, "record", away)
    for address, form in [(send_again(failed), {}), (LIST, {"action": "send_again", "_selected_action": [failed.pk]})]:
        with pytest.raises(DatabaseError):
            as_operator.post(address, form)
        assert state(failed) == "failed"


def test_the_action_sends_the_failed_ones_among_the_chosen_again(as_operator, failed):
    others = [write_stamped(seq, dispatch_state=name) for seq, name in enumerate(("failed", "published", "failed"))]
    chosen = [failed.pk, others[0].pk, others[1].pk]
    response = as_operator.post(LIST, {"action": "send_again", "_selected_action": chosen}, follow=True)
    assert told(response) == ["2 notificações voltaram à fila de envio."]
    assert [state(row) for row in (failed, *others)] == ["pending", "pending", "published", "failed"]


def test_the_dispatcher_is_woken(as_operator, failed, monkeypatch, django_capture_on_commit_callbacks):
    woken = []
    monkeypatch.setattr(wakes, "wake", woken.append)
    with django_capture_on_commit_callbacks(execute=True):
        as_operator.post(send_again(failed))
    assert wakes.DISPATCHER in woken


@pytest.mark.parametrize("settled", ["pending", "published", "skipped"])
def test_what_did_not_fail_has_no_button_and_stays_as_it_is(as_operator, settled):
    row = write_stamped(1, dispatch_state=settled)
    assert "send-again" not in as_operator.get(detail(row)).content.decode()
    response = as_operator.post(send_again(row), follow=True)
    assert told(response) == ["Nada foi enviado: nenhuma delas havia falhado."]
    assert state(row) == settled


def test_who_may_only_look_sends_nothing_again(as_viewer, failed):
    assert "send-again" not in as_viewer.get(detail(failed)).content.decode()
    assert as_viewer.post(send_again(failed)).status_code == 403
    as_viewer.post(LIST, {"action": "send_again", "_selected_action": [failed.pk]})
    assert state(failed) == "failed"


def test_looking_at_the_address_sends_nothing_again(as_operator, failed):
    assert as_operator.get(send_again(failed)).status_code == 405
    assert state(failed) == "failed"
