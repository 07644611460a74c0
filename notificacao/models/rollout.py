"""Keep the flag that decides who is on Ably."""

import hashlib
import secrets

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from waffle.models import AbstractUserFlag

BUCKETS = 100_000


def random_salt() -> str:
    """Return a new salt: 16 hexadecimal digits."""
    return secrets.token_hex(8)


class RolloutFlag(AbstractUserFlag):
    """Decide by sticky buckets: a person gets the same answer everywhere, and a higher percent only adds people.

    `everyone` beats the percent. This is waffle's flag without its dice, cookies and test mode. Its lists of users and
    groups stay as columns, since waffle's signals need them, and decide nothing: at 0% nobody is on Ably.
    """

    testing = superusers = staff = authenticated = languages = rollout = None  # type: ignore[assignment]

    everyone = models.BooleanField(
        "todos",
        null=True,
        blank=True,
        help_text="Sim: todos no Ably. Não: ninguém. Desconhecido: vale o percentual.",
    )
    percent = models.DecimalField(
        "percentual",
        max_digits=4,
        decimal_places=1,
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="De 0 a 100, com uma casa. Aumentar só acrescenta pessoas.",
    )
    salt = models.CharField(
        "sorteio", max_length=32, default=random_salt, help_text="Outro texto sorteia outras pessoas."
    )

    class Meta:
        verbose_name = "chave de transição"
        verbose_name_plural = "chaves de transição"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(percent__gte=0, percent__lte=100),
                name="percent_from_0_to_100",
                violation_error_message="O percentual vai de 0 a 100.",
            )
        ]

    def bucket(self, person_pk: int) -> int:
        """Return the person's bucket, 0 to 99,999: sha256 of salt and pk, uniform and independent of other flags."""
        digest = hashlib.sha256(f"{self.salt}:{person_pk}".encode()).digest()
        return int.from_bytes(digest[:8]) % BUCKETS

    def includes(self, person_pk: int) -> bool:
        """Return whether the flag puts that person on Ably."""
        if self.everyone is not None:
            return self.everyone
        return self.includes_bucket(self.bucket(person_pk))

    def includes_bucket(self, bucket: int) -> bool:
        """Return whether the flag puts people of that bucket on Ably."""
        if self.everyone is not None:
            return self.everyone
        return bucket < self.percent * (BUCKETS // 100)

    def is_active_for_user(self, user) -> bool:
        return bool(user.is_active and self.includes(user.pk))

    def is_active(self, request, read_only: bool = False) -> bool:
        return self.is_active_for_user(request.user)
