"""Offer a base for rows that are written once, and neither changed nor deleted."""

from django.db import models


class AppendOnly(Exception):
    """Refuse to change or delete a row that is written once."""

    def __init__(self) -> None:
        super().__init__("Such an event is written once: record another one instead.")


class _AppendOnlySet(models.QuerySet):
    def update(self, **kwargs):
        raise AppendOnly

    def delete(self):
        raise AppendOnly


class AppendOnlyModel(models.Model):
    """Refuse every change and deletion by the ORM, of one row and of many."""

    objects = _AppendOnlySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args, **kwargs) -> None:
        """Insert the row. Raises AppendOnly where it exists already."""
        if not self._state.adding:
            raise AppendOnly
        kwargs["force_insert"] = True  # otherwise a row with the same pk would be overwritten
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        """Refuse. Raises AppendOnly."""
        raise AppendOnly
