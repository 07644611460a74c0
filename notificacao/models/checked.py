"""Fields that check what is written, by `save`, `bulk_create` or `update`: there is no way around the schema."""

from collections.abc import Callable
from typing import Any

from django.db import models

from notificacao import texts


class _Text(models.CharField):
    rule: Callable[[str], str]

    def get_db_prep_save(self, value, connection) -> Any:
        """Raises ValueError."""
        if isinstance(value, str):
            _hold(self, self._fits, value)
        return super().get_db_prep_save(value, connection)

    def _fits(self, text: str) -> None:
        if not text and not self.blank:
            raise ValueError("falta preencher")
        if self.max_length is not None and len(text) > self.max_length:
            raise ValueError(f"tem mais de {self.max_length} caracteres")
        type(self).rule(text)


class LineField(_Text):
    rule = staticmethod(texts.one_line)


class ProseField(_Text):
    rule = staticmethod(texts.plain)


class LinkField(_Text):
    rule = staticmethod(texts.link)


class DataField(models.JSONField):
    """One that no stream could write would stop them all."""

    def get_db_prep_save(self, value, connection) -> Any:
        """Raises ValueError."""
        if not hasattr(value, "as_sql"):
            _hold(self, texts.data, value)
        return super().get_db_prep_save(value, connection)


def _hold(field: models.Field, rule: Callable[[Any], Any], value: Any) -> None:
    try:
        rule(value)
    except ValueError as error:
        raise ValueError(f"{field.name}: {error}") from error
