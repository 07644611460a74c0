"""The settings of this app, typed, each read from `semtas/settings.py` at the moment it is used."""

from django.conf import settings


class Conf:
    """A view of Django's settings; tests override those with `settings`, never this."""

    def __getattr__(self, name: str):
        return getattr(settings, name)

    @property
    def ably_configured(self) -> bool:
        return bool(settings.ABLY_API_KEY)

    @property
    def ably_key_name(self) -> str:
        """`appId.keyId`, the public half of `ABLY_API_KEY`."""
        return settings.ABLY_API_KEY.partition(":")[0]

    @property
    def ably_key_secret(self) -> str:
        return settings.ABLY_API_KEY.partition(":")[2]

    @property
    def wakes_cross_processes(self) -> bool:
        """Whether the channel layer reaches beyond this process."""
        return settings.CHANNEL_LAYERS["default"]["BACKEND"] != "channels.layers.InMemoryChannelLayer"


conf = Conf()
