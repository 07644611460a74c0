"""Configure the app: load its checks and its signals."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class NotificacaoConfig(AppConfig):
    """Register the app's checks and signals, and prepare each new database connection for searching."""

    name = "notificacao"
    verbose_name = "Notificações"

    def ready(self) -> None:
        """Load the checks and signals, and connect the search to new connections."""
        from notificacao import checks, signals  # noqa: F401
        from notificacao.permission_names import name_in_portuguese
        from notificacao.reading import search

        connection_created.connect(search.prepare)
        post_migrate.connect(name_in_portuguese, dispatch_uid="permission names")
