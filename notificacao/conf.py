"""Read the settings of this app, typed, from `semtas/settings.py` at the moment each is used."""

from django.conf import settings


class Conf:
    """Show Django's settings; tests override those with `settings`, never this."""

    def __getattr__(self, name: str):
        return getattr(settings, name)

    @property
    def ably_configured(self) -> bool:
        """Tell whether there is a key for Ably."""
        return bool(settings.ABLY_API_KEY)

    @property
    def ably_key_name(self) -> str:
        """Return `appId.keyId`, the public half of `ABLY_API_KEY`."""
        return settings.ABLY_API_KEY.partition(":")[0]

    @property
    def ably_key_secret(self) -> str:
        """Return the secret half of `ABLY_API_KEY`."""
        return settings.ABLY_API_KEY.partition(":")[2]

    @property
    def told(self) -> str:
        """Return one line, in Portuguese, that says where the settings came from and whether DEBUG is on."""
        read = f"Configuração: {settings.ENV_FILE.path or 'variáveis de ambiente, sem arquivo .env'}"
        return f"{read}; DEBUG {'ligado' if settings.DEBUG else 'desligado'}"

    @property
    def wakes_cross_processes(self) -> bool:
        """Tell whether the channel layer reaches beyond this process."""
        return settings.CHANNEL_LAYERS["default"]["BACKEND"] != "channels.layers.InMemoryChannelLayer"


conf = Conf()
