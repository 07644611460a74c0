"""The words of the pages' scripts in another language; Portuguese is what the scripts themselves say."""

from functools import cache

from django.conf import settings
from django.utils.translation.trans_real import DjangoTranslation
from django.views.i18n import JSONCatalog


@cache
def catalogue(language: str) -> dict[str, str | list[str]]:
    """`{portuguese: translated}`; a list where a number decides: for one, and for more."""
    reader = JSONCatalog()
    reader.translation = DjangoTranslation(language, domain="djangojs", localedirs=settings.LOCALE_PATHS)
    return reader.get_catalog()
