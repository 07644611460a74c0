"""Erasing one person takes their name out of the admin's history, former ones too, and touches nobody else's."""

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry

from notificacao import data_subject
from notificacao.models import Membership, Notification, Role
from notificacao.services import notify
from tests.conftest import make_person
from tests.staff import make_staff


@pytest.fixture
def noted(admin_user):
    """`noted(objects)`: the admin's history has an entry about each."""

    def note(*objects, flag=CHANGE) -> None:
        for one in objects:
            LogEntry.objects.log_actions(admin_user.pk, [one], flag, "")

    return note


def history() -> set[str]:
    return set(LogEntry.objects.values_list("object_repr", flat=True))


def test_a_short_name_that_is_part_of_others_hits_nobody_elses_history(noted, cras_norte):
    cras_norte.name = "CRAS Central"
    al, alba = make_person("al", Role.TECNICO, cras_norte), make_person("alba", Role.TECNICO, cras_norte)
    noted(cras_norte, alba, alba.memberships.get(), al, al.memberships.get())
    kept = {str(cras_norte), str(alba), str(alba.memberships.get())}
    data_subject.erase(al, by="dora")
    assert history() == {*kept, al.public_id}


def test_former_names_go_from_every_entry_about_what_is_theirs(noted, ana, of_ana):
    notify([of_ana], title="Só para ana", message="Ana, venha.")
    noted(ana, ana.memberships.get(), *Notification.objects.all())
    ana.username = "ana.ribeiro"
    ana.save()
    data_subject.erase(ana, by="dora")
    assert history() == {ana.public_id}


@pytest.mark.parametrize("bulk", [True, False])
def test_and_from_the_entries_about_memberships_that_ended(client, ana, bulk):
    (held,) = ana.memberships.all()
    client.force_login(make_staff("dora", "view_membership", "delete_membership"))
    address = "/admin/notificacao/membership/"
    if bulk:
        client.post(address, {"action": "delete_selected", "_selected_action": [held.pk], "post": "yes"})
    else:
        client.post(f"{address}{held.pk}/delete/", {"post": "yes"})
    assert any("ana" in text for text in history())
    ana.username = "outra"
    ana.save()
    data_subject.erase(ana, by="dora")
    assert not any("ana" in text for text in history() - {ana.public_id})


def test_one_that_ended_before_that_was_on_record_is_found_by_a_former_name(noted, ana, cras_norte):
    noted(ana, ana.memberships.get(), flag=ADDITION)
    ana.memberships.all().delete()
    ana.username = "outra"
    ana.save()
    namesake = make_person("ana", Role.TECNICO, cras_norte)
    noted(namesake.memberships.get())
    data_subject.erase(ana, by="dora")
    assert sorted(history()) == sorted({ana.public_id, str(Membership.objects.get(person=namesake))})
