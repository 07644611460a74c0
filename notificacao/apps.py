"""Configure the app: load its checks and its signals."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class NotificacaoConfig(AppConfig):
    """Register the app's checks and signals, and prepare each new database connection for searching."""

    name = "notificacao"
    verbose_name = "Notificações"

    def ready(self) -> None:
        """Load the checks and signals, and connect the search to new connections."""
        from notificacao import checks, signals  # noqa: F401
        from notificacao.reading import search

        connection_created.connect(search.prepare)
