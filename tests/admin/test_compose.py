"""Staff write a notification in the admin: to exactly one recipient, sent once, told where it is wrong."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from notificacao import audiences, idempotency, wakes
from notificacao.models import AuditEvent, KeptAnswer, Notification
from tests.staff import complaints, make_staff, told

ADD, LIST = "/admin/notificacao/notification/add/", "/admin/notificacao/notification/"
CONTENT = {"title": "Reunião às 14h", "message": "Na sala 2.", "kind": "sistema", "priority": "normal"}


@pytest.fixture
def dora(db):
    return make_staff("dora", "add_notification", "view_notification", "view_person")


@pytest.fixture
def send(client, dora):
    """`send(unit=…)`: what the admin answers to the filled form, redirects followed."""
    client.force_login(dora)

    def post(**fields):
        return client.post(ADD, CONTENT | {name: getattr(to, "pk", to) for name, to in fields.items()}, follow=True)

    return post


@pytest.fixture
def refused(send):
    """`refused(unit=…)`: `{field: sentences}` of a form that is refused; nothing was sent."""

    def post(**fields):
        response = send(**fields)
        assert not Notification.objects.exists()
        return {field: list(errors) for field, errors in response.context["adminform"].form.errors.items()}

    return post


def test_a_notification_to_a_person_goes_to_their_channel_and_the_admin_says_so(send, ana, dora):
    response = send(person=ana)
    row = Notification.objects.get()
    assert (row.channel, row.created_by) == (audiences.channel_for_user(ana), dora)
    assert (row.title, row.message, row.event_id) == ("Reunião às 14h", "Na sala 2.", row.public_id)
    assert told(response) == ["Notificação enviada para ana (1 pessoa)."]
    assert response.redirect_chain == [(f"{LIST}{row.pk}/reach/", 302)]


def test_a_notification_to_a_unit_goes_to_its_channel_and_the_admin_says_so(send, ana, bia, caio, cras_norte):
    response = send(unit=cras_norte)
    assert Notification.objects.get().channel == audiences.channel_for_unit(cras_norte)
    assert told(response) == ["Notificação enviada para CRAS01 – CRAS Norte (2 pessoas)."]


def test_a_notification_to_a_benefit_goes_to_its_channel_and_the_admin_says_so(send, aluguel_social):
    response = send(benefit=aluguel_social)
    assert Notification.objects.get().channel == audiences.channel_for_benefit(aluguel_social)
    assert told(response) == ["Notificação enviada para Aluguel social (0 pessoas)."]


def test_a_notification_to_everybody_goes_to_the_systems_channel_and_the_admin_says_so(send, ana, bia):
    response = send(everybody="on")
    assert Notification.objects.get().channel == audiences.SYSTEM_CHANNEL
    assert told(response) == ["Notificação enviada para Todos (3 pessoas)."]


def test_every_field_is_sent_as_it_was_filled_in(send, cras_norte):
    day = timezone.localtime() + timedelta(days=1)
    moment = {"expires_at_0": f"{day:%d/%m/%Y}", "expires_at_1": f"{day:%H:%M:%S}"}
    send(unit=cras_norte, kind="alerta", priority="urgente", link="/solicitacoes/1/", **moment)
    row = Notification.objects.get()
    assert (row.kind, row.priority, row.link) == ("alerta", "urgente", "/solicitacoes/1/")
    assert row.expires_at == day.replace(microsecond=0)


def test_the_dispatcher_is_woken_once_the_notification_is_committed(
    send, cras_norte, monkeypatch, django_capture_on_commit_callbacks
):
    woken = []
    monkeypatch.setattr(wakes, "wake", woken.append)
    with django_capture_on_commit_callbacks(execute=True):
        send(unit=cras_norte)
        assert woken == []
    assert wakes.DISPATCHER in woken


EXACTLY_ONE = {"__all__": ["Escolha exatamente um destinatário: uma pessoa, uma unidade, um benefício ou todos."]}


def test_without_a_recipient_nothing_is_sent(refused):
    assert refused() == EXACTLY_ONE


def test_two_recipients_are_refused(refused, ana, cras_norte, aluguel_social):
    assert refused(person=ana, unit=cras_norte) == EXACTLY_ONE
    assert refused(benefit=aluguel_social, everybody="on") == EXACTLY_ONE


def test_somebody_inactive_is_refused(refused, ana):
    ana.is_active = False
    ana.save()
    assert refused(person=ana) == {"person": ["Esta pessoa não existe ou está inativa."]}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("link", "javascript:alert(1)", "use um caminho que comece com / ou um endereço https deste sistema"),
        ("title", "com\tcontrole", "caracteres de controle não são aceitos"),
        ("message", "x" * 501, "a mensagem tem 501 caracteres; o limite é 500"),
        ("message", "", "Este campo é obrigatório."),
        ("title", "x" * 101, "Certifique-se de que o valor tenha no máximo 100 caracteres (ele possui 101)."),
        ("kind", "festa", "Faça uma escolha válida. festa não é uma das escolhas disponíveis."),
    ],
)
def test_what_is_wrong_is_told_at_its_field_in_portuguese(refused, cras_norte, field, value, sentence):
    assert refused(**{"unit": cras_norte, field: value}) == {field: [sentence]}


def test_an_expiry_in_the_past_is_refused_at_its_field(refused, cras_norte):
    past = {"expires_at_0": "01/02/2020", "expires_at_1": "10:00"}
    assert refused(unit=cras_norte, **past) == {"expires_at": ["use um momento futuro, com fuso horário"]}


def test_all_that_is_wrong_is_told_at_once(refused):
    assert refused(title="", link="//evil").keys() == {"__all__", "title", "link"}


def test_a_message_to_everybody_may_be_longer(send):
    send(everybody="on", message="x" * 1000)
    assert len(Notification.objects.get().message) == 1000


def test_a_browsers_line_ends_are_one_character_each(send, cras_norte):
    send(unit=cras_norte, message="um\r\n" + "x" * 497)
    assert Notification.objects.get().message == "um\n" + "x" * 497


def test_units_are_chosen_by_code_and_name(client, dora, cras_norte):
    client.force_login(dora)
    page = client.get(ADD).content.decode()
    assert f'<option value="{cras_norte.pk}">CRAS01 – CRAS Norte</option>' in page
    assert 'name="_save"' in page


def test_who_may_not_see_people_writes_to_all_but_a_person(client, ana, cras_norte):
    client.force_login(make_staff("eva", "add_notification"))
    assert 'name="person"' not in client.get(ADD).content.decode()
    client.post(ADD, CONTENT | {"person": ana.pk})
    assert not Notification.objects.exists()
    response = client.post(ADD, CONTENT | {"unit": cras_norte.pk}, follow=True)
    assert Notification.objects.count() == 1
    assert response.redirect_chain == [("/admin/", 302)]


def test_who_may_only_look_sends_nothing(client, cras_norte):
    client.force_login(make_staff("eva", "view_notification", "change_notification", "view_person"))
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, CONTENT | {"unit": cras_norte.pk}).status_code == 403
    assert not Notification.objects.exists()


def test_who_is_not_staff_is_led_to_the_admins_login(client, ana, cras_norte):
    client.force_login(ana)
    response = client.post(ADD, CONTENT | {"unit": cras_norte.pk})
    assert response["Location"].startswith("/admin/login/")
    assert not Notification.objects.exists()


def test_the_history_names_the_sender_and_the_notification_but_not_what_it_says(send, dora, cras_norte):
    send(unit=cras_norte)
    entry, row = LogEntry.objects.get(), Notification.objects.get()
    assert (entry.user, entry.object_id, entry.object_repr) == (dora, str(row.pk), f"Sistema {row.public_id}")
    assert "Reunião" not in entry.change_message


# --- Once a form


def token_of(page) -> str:
    return re.search(r'name="once" value="([0-9a-f-]{36})"', page.content.decode())[1]


def test_each_form_that_is_shown_has_a_token_of_its_own(client, dora):
    client.force_login(dora)
    assert len({token_of(client.get(ADD)) for _ in range(3)}) == 3


def test_a_form_that_is_sent_twice_sends_once_and_shows_the_first_result(send, client, cras_norte):
    token = token_of(client.get(ADD))
    first, second = (send(unit=cras_norte, once=token) for _ in range(2))
    assert (Notification.objects.count(), LogEntry.objects.count()) == (1, 1)
    assert told(first) == ["Notificação enviada para CRAS01 – CRAS Norte (0 pessoas)."]
    assert told(second) == ["Esta notificação já foi enviada para CRAS01 – CRAS Norte (0 pessoas)."]
    reach = f"{LIST}{Notification.objects.get().pk}/reach/"
    assert second.redirect_chain == [(reach, 302)]


def test_the_same_text_in_another_form_is_another_notification(send, client, cras_norte):
    for _ in range(2):
        send(unit=cras_norte, once=token_of(client.get(ADD)))
    assert Notification.objects.count() == 2


def test_a_form_that_was_sent_and_changed_is_sent_by_the_next_click(send, client, cras_norte):
    send(unit=cras_norte, once=token_of(client.get(ADD)))
    (token,) = KeptAnswer.objects.values_list("key", flat=True)
    page = send(unit=cras_norte, once=token, title="Outra reunião")
    assert complaints(page) == [
        "Este formulário já foi enviado com outro conteúdo. Se é uma nova notificação, envie de novo."
    ]
    assert Notification.objects.count() == 1
    assert token_of(page) != token
    send(unit=cras_norte, once=token_of(page), title="Outra reunião")
    assert [row.title for row in Notification.objects.order_by("pk")] == ["Reunião às 14h", "Outra reunião"]


@pytest.mark.parametrize("error", [idempotency.UnderWay, idempotency.OtherRequest])
def test_a_second_click_while_the_first_is_under_way_leads_to_the_list(send, cras_norte, monkeypatch, error):
    def under_way(*args):
        raise error

    monkeypatch.setattr(idempotency, "once", under_way)
    response = send(unit=cras_norte)
    assert told(response) == ["Este formulário já está sendo enviado: confira a lista."]
    assert response.redirect_chain == [(LIST, 302)]


def test_what_is_no_token_is_refused(refused, cras_norte):
    assert refused(unit=cras_norte, once="x").keys() == {"once"}


# --- Personal data


CPF = {"message": "O CPF 529.982.247-25 falta."}
TOLD = "A mensagem contém CPF. Retire-o: dados pessoais não podem ir a várias pessoas."


def test_personal_data_to_a_unit_is_refused_at_its_field(refused, cras_norte):
    assert refused(unit=cras_norte, **CPF) == {"message": [TOLD]}


def test_personal_data_to_one_person_is_sent(send, ana):
    send(person=ana, **CPF)
    assert Notification.objects.count() == 1
    assert [event.action for event in AuditEvent.objects.all()] == ["notification_sent"]


def test_who_may_not_send_personal_data_may_not_by_ticking_what_is_not_there(client, refused, cras_norte):
    assert 'name="personal_data"' not in client.get(ADD).content.decode()
    assert refused(unit=cras_norte, personal_data="on", **CPF) == {"message": [TOLD]}


def test_who_may_send_it_must_say_so_and_that_is_on_record(client, cras_norte):
    eva = make_staff("eva", "add_notification", "send_personal_data")
    client.force_login(eva)
    asked = CONTENT | CPF | {"unit": cras_norte.pk}
    assert complaints(client.post(ADD, asked)) == [TOLD]
    client.post(ADD, asked | {"personal_data": "on"})
    row, (event, sent) = Notification.objects.get(), AuditEvent.objects.all()
    assert (event.action, event.who, event.ip) == ("personal_data_sent", eva.public_id, "127.0.0.1")
    assert (sent.action, sent.data["channel"]) == ("notification_sent", row.channel)
    assert event.data == {"notification": str(row.public_id), "found": {"message": "CPF"}}


# --- How often


def test_who_sends_too_fast_is_told_when_to_go_on_and_keeps_what_they_wrote(
    send, cras_norte, settings, time_stands_still
):
    settings.RATE_STAFF = (6, 2)
    for _ in range(2):
        send(unit=cras_norte)
    page = send(unit=cras_norte)
    assert (page.status_code, Notification.objects.count()) == (429, 2)
    assert page["Retry-After"] == "10"
    assert complaints(page) == ["Você enviou muitas notificações em pouco tempo: aguarde 10 s."]
    assert "Na sala 2." in page.content.decode()
