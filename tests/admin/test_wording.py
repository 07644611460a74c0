"""What the admin says of a row, in the gender of its name, and of what a list holds."""

import pytest
from django.contrib.messages import get_messages

from notificacao.models import BenefitType, BreakerState, Person, RolloutFlag, Unit

pytestmark = pytest.mark.django_db
ADMIN = "/admin/notificacao"


@pytest.fixture
def admin(client):
    client.force_login(Person.objects.create_superuser("root", password="segredo-de-teste"))
    return client


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_a_row_that_was_added_changed_or_removed_is_named_in_its_gender(admin):
    unit = {"code": "CRAS01", "name": "CRAS Norte", "kind": Unit.Kind.CRAS, "status": Unit.Status.ACTIVE}
    benefit = {"name": "Passagem", "slug": "passagem"}
    management = {f"memberships-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    for path, fields in (("unit", unit | management), ("benefittype", benefit)):
        assert admin.post(f"{ADMIN}/{path}/add/", fields).status_code == 302
    unit_pk, benefit_pk = Unit.objects.get().pk, BenefitType.objects.get().pk
    answers = [
        admin.post(f"{ADMIN}/unit/{unit_pk}/change/", unit | management | {"name": "CRAS Sul"}),
        admin.post(f"{ADMIN}/benefittype/{benefit_pk}/change/", benefit | {"name": "Passagens"}),
        admin.post(f"{ADMIN}/benefittype/{benefit_pk}/delete/", {"post": "yes"}),
    ]
    assert said(answers[-1]) == [
        "Unidade criada.",
        "Benefício criado.",
        "Unidade alterada.",
        "Benefício alterado.",
        "Benefício removido.",
    ]


def test_the_flag_and_a_person_are_changed_in_the_feminine(admin, ana):
    flag = RolloutFlag.objects.get(name="ably")
    page = admin.get(f"{ADMIN}/rolloutflag/{flag.pk}/change/")
    fields = {name: value for name, value in page.context["adminform"].form.initial.items() if value is not None}
    answer = admin.post(f"{ADMIN}/rolloutflag/{flag.pk}/change/", fields | {"note": "Reunião", "percent": 0})
    assert said(answer) == ["Chave de transição alterada."]


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("notification", "Notificações enviadas"),
        ("auditevent", "Registros de auditoria"),
        ("person", "Pessoas"),
        ("membership", "Funções e unidades"),
        ("producerkey", "Chaves de produtores"),
    ],
)
def test_a_list_has_its_name_as_its_heading_and_asks_nobody_to_select(admin, path, heading):
    page = admin.get(f"{ADMIN}/{path}/")
    assert page.context["title"] == heading
    assert "Selecione" not in page.content.decode()


def test_so_many_rows_are_selected_in_no_ones_gender(admin):
    BenefitType.objects.create(name="Passagem", slug="passagem")
    BenefitType.objects.create(name="Enxoval", slug="enxoval")
    page = admin.get(f"{ADMIN}/benefittype/").content.decode()
    assert "0 de 2 linhas selecionadas" in page
    assert "0 de 2 selecionad" not in page
    assert "linhas selecionadas" in admin.get("/admin/jsi18n/").content.decode()


def test_the_breaker_says_what_it_means_for_people(admin):
    BreakerState.objects.filter(pk="ably").update(state="closed")
    assert "Ably em uso" in admin.get(f"{ADMIN}/breakerstate/").content.decode()
    BreakerState.objects.filter(pk="ably").update(state="open")
    assert "Ably suspenso: todos por SSE" in admin.get(f"{ADMIN}/breakerstate/").content.decode()
