"""Name in Portuguese the permissions that Django makes for every model: the admin's forms show these names."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission
from django.db.models import Value
from django.db.models.functions import Replace

_NAMES = {
    "Can add ": "Pode adicionar ",
    "Can change ": "Pode alterar ",
    "Can delete ": "Pode excluir ",
    "Can view ": "Pode ver ",
}


def name_in_portuguese(app_config, using: str, apps, **migrated: Any) -> None:
    """Receive `post_migrate`: have the permissions of that app made, as Django is about to, and rename them.

    Django finds a permission by its codename and never writes its name again.
    """
    create_permissions(app_config, using=using, apps=apps, **migrated)
    for english, portuguese in _NAMES.items():
        made = Permission.objects.using(using).filter(content_type__app_label=app_config.label)
        made.filter(name__startswith=english).update(name=Replace("name", Value(english), Value(portuguese)))
