"""Rows that are written once, and neither changed nor deleted."""

from django.db import models


class AppendOnly(Exception):
    """Such a row is neither changed nor deleted."""

    def __init__(self) -> None:
        super().__init__("Such an event is written once: record another one instead.")


class _AppendOnlySet(models.QuerySet):
    def update(self, **kwargs):
        raise AppendOnly

    def delete(self):
        raise AppendOnly


class AppendOnlyModel(models.Model):
    objects = _AppendOnlySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args, **kwargs) -> None:
        """Raises AppendOnly."""
        if not self._state.adding:
            raise AppendOnly
        kwargs["force_insert"] = True  # else a row of a known pk would be written over
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        """Raises AppendOnly."""
        raise AppendOnly
