"""Staff who may see a list ask it, by crafted filters, for what no page shows, or for work without an end."""

import pytest
from django.contrib.admin import site
from django.contrib.contenttypes.models import ContentType

from notificacao.models import Membership, Role
from tests.admin.test_second_factor import devices, tables_of_devices  # noqa: F401 – the tables of ADMIN_OTP
from tests.staff import make_staff

LISTS = sorted(f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in site._registry)
LOOKUPS = ("startswith", "contains", "gt", "in", "exact")


@pytest.fixture
def eva(client, cras_norte):
    """A coordinator with no permission at all, logged in."""
    eva = make_staff("eva")
    Membership.objects.create(person=eva, role=Role.COORDENADOR, unit=cras_norte)
    client.force_login(eva)
    return eva


@pytest.mark.parametrize("lookup", ["title__regex", "title__iregex", "created_at__year__regex"])
def test_no_list_is_filtered_by_a_pattern(client, eva, lookup):
    """SQLite would have Python match it: `(a+)+$` and a title of her own stop the process."""
    assert client.get("/admin/notificacao/notification/", {lookup: "(a+)+$"}).status_code == 400


def test_nor_any_other(admin_client):
    for path in LISTS:
        assert admin_client.get(path, {"id__regex": "(1+)+$"}).status_code == 400, path


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_producers_key_is_not_read_by_filters(client, db, lookup):
    client.force_login(make_staff("dora", "view_producerkey"))
    assert client.get("/admin/notificacao/producerkey/", {f"hashed_key__{lookup}": "a"}).status_code == 400


def test_the_secret_of_a_second_factor_is_not_read_by_filters(client, devices):  # noqa: F811
    dora = make_staff("dora")
    kind = ContentType.objects.get_for_model(devices.model)
    dora.user_permissions.create(codename="view_totpdevice", content_type=kind)
    phone = devices.create(user=dora, name="telefone", confirmed=True)
    client.force_login(dora)
    session = client.session
    session["otp_device_id"] = phone.persistent_id
    session.save()
    assert client.get("/admin/otp_totp/totpdevice/").status_code == 200
    for lookup in ("key", *(f"key__{lookup}" for lookup in LOOKUPS)):
        answer = client.get("/admin/otp_totp/totpdevice/", {lookup: phone.key[:2]})
        assert answer.status_code == 400, lookup
