"""The app: its checks and its signals."""

from django.apps import AppConfig


class NotificacaoConfig(AppConfig):
    name = "notificacao"
    verbose_name = "Notificações"

    def ready(self) -> None:
        from notificacao import checks, signals  # noqa: F401
