"""Keep what open streams must be told besides the log."""

from django.db import models
from django.db.models.functions import Now


class StreamChange(models.Model):
    """Hold a change that concerns open streams; it is written in the transaction that makes the change.

    `number` is given after the commit, in the order in which changes become visible, as `seq` is given to a
    notification: whoever sees number n sees all up to n, however long a transaction took.
    """

    class Kind(models.TextChoices):
        ACCESS = "access"  # what the person may receive, or whether they are logged in
        READING = "reading"  # what the person has read
        KEY = "key"  # the channel's key is to be renewed; it is once the change has its number

    kind = models.CharField(max_length=10, choices=Kind)
    person_id = models.BigIntegerField(null=True, help_text="Empty: everybody.")  # no foreign key: the person may go
    channel = models.CharField(max_length=120, blank=True, default="", help_text="The channel whose key it is.")
    number = models.BigIntegerField(null=True, unique=True)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.number} {self.kind} {self.channel or self.person_id or 'everybody'}"
