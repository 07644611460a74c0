"""Define the field for the moment at which a row is written, by the database's clock."""

from django.db import models
from django.db.models.functions import Now


class WrittenAtField(models.DateTimeField):
    """Hold the moment at which the database wrote the row, where nobody gave another.

    The INSERT answers with it, so that it is on the instance afterwards as if Python had set it.
    """

    db_returning = True

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("db_default", Now())
        super().__init__(*args, **kwargs)
