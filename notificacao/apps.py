"""The app: its checks and its signals."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class NotificacaoConfig(AppConfig):
    name = "notificacao"
    verbose_name = "Notificações"

    def ready(self) -> None:
        from notificacao import checks, signals  # noqa: F401
        from notificacao.reading import search

        connection_created.connect(search.prepare)
