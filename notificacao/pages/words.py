"""Translate what the pages' scripts say; the scripts themselves are in Portuguese."""

from functools import cache

from django.conf import settings
from django.utils.translation.trans_real import DjangoTranslation
from django.views.i18n import JSONCatalog


@cache
def catalogue(language: str) -> dict[str, str | list[str]]:
    """Return `{portuguese: translated}` for `language`; a list where a number decides: for one, and for more.

    What locale/ has in Portuguese is for Django's own admin.
    """
    if language == settings.LANGUAGE_CODE:
        return {}
    reader = JSONCatalog()
    reader.translation = DjangoTranslation(language, domain="djangojs", localedirs=settings.LOCALE_PATHS)
    return reader.get_catalog()
