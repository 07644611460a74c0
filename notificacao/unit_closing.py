"""Tell the people of a unit that it becomes inactive: from then on nothing is sent to it."""

from collections.abc import Collection

from notificacao import audiences, services
from notificacao.models import Unit


def tell(unit: Unit, update_fields: Collection[str] | None = None) -> None:
    """Notify those who hear `unit` if it is about to be saved as inactive and was active.

    It is told in the transaction of the change, before that: afterwards the unit is sent nothing.
    """
    written = update_fields is None or "status" in update_fields
    if not (written and unit.status == Unit.Status.INACTIVE):
        return
    was_active = Unit.objects.select_for_update().filter(pk=unit.pk, status=Unit.Status.ACTIVE)
    if was_active.values_list("pk").first():
        services.notify(
            [audiences.channel_for_unit(unit)],
            title="Unidade desativada",
            message="Esta unidade está inativa e não recebe novas notificações. As que já recebeu continuam aqui.",
        )
