"""Tell the people of a unit that it becomes inactive: from then on nothing is sent to it."""

from collections.abc import Collection, Iterable

from notificacao import audiences, services
from notificacao.content import Notice
from notificacao.models import Unit


def tell_if_saved_as_inactive(unit: Unit, update_fields: Collection[str] | None = None) -> None:
    """Notify those who hear `unit` if it is about to be saved as inactive and was active."""
    written = update_fields is None or "status" in update_fields
    if not (written and unit.status == Unit.Status.INACTIVE):
        return
    was_active = Unit.objects.select_for_update().filter(pk=unit.pk, status=Unit.Status.ACTIVE)
    if was_active.values_list("pk").first():
        tell([unit])


def tell(units: Iterable[Unit]) -> None:
    """Notify those who hear each of `units`, within the transaction that closes them and before it does."""
    services.notify_many(
        Notice.of(
            channels=[audiences.channel_for_unit(unit)],
            title="Unidade desativada",
            message="Esta unidade está inativa e não recebe novas notificações. As que já recebeu continuam aqui.",
        )
        for unit in units
    )
