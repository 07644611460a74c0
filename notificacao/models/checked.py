"""Check what is written to text and JSON columns, by `save`, `bulk_create` and `update` alike."""

from collections.abc import Callable
from typing import Any

from django.db import models

from notificacao import texts


class _Text(models.CharField):
    rule: Callable[[str], str]

    def get_db_prep_save(self, value, connection) -> Any:
        """Return the value for the database. Raises ValueError where it breaks a rule."""
        if isinstance(value, str):
            _check(self, self._fits, value)
        return super().get_db_prep_save(value, connection)

    def _fits(self, text: str) -> None:
        if not text and not self.blank:
            raise ValueError("falta preencher")
        if self.max_length is not None and len(text) > self.max_length:
            raise ValueError(f"tem mais de {self.max_length} caracteres")
        type(self).rule(text)


class LineField(_Text):
    """Hold one line of text."""

    rule = staticmethod(texts.one_line)


class ProseField(_Text):
    """Hold text of several lines, without control characters."""

    rule = staticmethod(texts.plain)


class LinkField(_Text):
    """Hold a path of this site, or an https address on one of its hosts."""

    rule = staticmethod(texts.link)


class DataField(models.JSONField):
    """Hold a JSON object of limited size and depth: one that no stream can write would stop every stream."""

    def get_db_prep_save(self, value, connection) -> Any:
        """Return the value for the database. Raises ValueError where it breaks a rule."""
        if not hasattr(value, "as_sql"):
            _check(self, texts.data, value)
        return super().get_db_prep_save(value, connection)


def _check(field: models.Field, rule: Callable[[Any], Any], value: Any) -> None:
    try:
        rule(value)
    except ValueError as error:
        raise ValueError(f"{field.name}: {error}") from error
