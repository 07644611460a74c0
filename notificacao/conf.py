"""Read the settings of this app, typed, from `semtas/settings.py` at the moment each is used."""

from typing import Any

from django.conf import settings
from django.core.signals import setting_changed


class Conf:
    """Show Django's settings; tests override those with `settings`, never this."""

    def __getattr__(self, name: str):
        """Return a setting, and keep it: a stream's opening reads some twenty, and Django's own way takes 1 µs each."""
        kept = self.__dict__  # which `forget` replaces: what another thread changes meanwhile is not kept
        value = kept[name] = getattr(settings, name)
        return value

    def forget(self, **_: Any) -> None:
        """Read every setting anew from here on."""
        self.__dict__ = {}

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
setting_changed.connect(conf.forget)
