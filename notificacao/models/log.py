"""Keep the log's own state: its head, the head of each channel, and who may stamp."""

import secrets

from django.db import models
from django.db.models.functions import Now


def random_epoch() -> str:
    """Return a new epoch: 8 hexadecimal digits. A restored database begins a new one."""
    return secrets.token_hex(4)


class LogHead(models.Model):
    """Hold the last `seq` that was given, in one row (`pk=1`). Whoever stamps locks it."""

    epoch = models.CharField(max_length=16, default=random_epoch)
    seq = models.BigIntegerField(default=0)
    trimmed_to = models.BigIntegerField(default=0, help_text="Retention deleted everything up to this seq.")
    changes = models.BigIntegerField(
        default=0, db_default=0, help_text="The last number that a StreamChange was given."
    )
    home = models.CharField(max_length=80, blank=True, default="", help_text="Where this life of the log began.")

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}"


class Channel(models.Model):
    """Hold the last `seq` of one channel, the epoch of its encryption key, and since when that key is current.

    Whatever was sent with today's key has a seq beyond `key_since`; with the key before it, beyond `old_key_since`.
    """

    name = models.CharField(max_length=120, primary_key=True)
    head = models.BigIntegerField(default=0)
    key_epoch = models.PositiveIntegerField(default=1)
    key_renewed_at = models.DateTimeField(null=True, editable=False)
    key_since = models.BigIntegerField(default=0, db_default=0, editable=False)
    old_key_since = models.BigIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = "canal"
        verbose_name_plural = "canais"

    def __str__(self) -> str:
        return self.name


class DispatcherLease(models.Model):
    """Hold who leads, in which term, and until when by the database's clock, in one row (`pk=1`)."""

    holder = models.CharField(max_length=64, blank=True, default="")
    term = models.BigIntegerField(default=0)
    until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.holder} (mandato {self.term})"

    @classmethod
    def is_held(cls) -> bool:
        """Return whether somebody leads at this moment, by the database's clock."""
        return cls.objects.filter(pk=1, until__gte=Now()).exists()


class _Head(models.Func):
    """The log's head by the database, within whatever statement names it."""

    template = "(SELECT COALESCE(MAX(seq), 0) FROM notificacao_loghead WHERE id = 1)"
    output_field = models.BigIntegerField()


class LogPositionField(models.BigIntegerField):
    """Hold the log's head at the moment when the row is created: what is stamped later lies after it.

    The database looks it up within the INSERT and gives it back, so that a thousand rows cost no statement each.
    """

    db_returning = True

    def __init__(self, *args, **kwargs):
        kwargs["editable"] = False
        kwargs.setdefault("default", 0)
        super().__init__(*args, **kwargs)

    def pre_save(self, model_instance, add):
        return _Head() if add else super().pre_save(model_instance, add)
