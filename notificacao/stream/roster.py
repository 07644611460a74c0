"""Who has a stream open in this process, and who hears which channel."""

from collections.abc import Iterable

from notificacao.stream.authorisation import Grant
from notificacao.stream.listeners import Listener, Stream


class Roster:
    """The listeners, by person and by channel; nothing is kept of who left."""

    def __init__(self) -> None:
        self.listeners: dict[int, Listener] = {}
        self.by_channel: dict[str, set[Listener]] = {}

    def streams(self) -> list[Stream]:
        return [stream for listener in self.listeners.values() for stream in listener.streams]

    def who_hears(self, channels: Iterable[str]) -> set[Listener]:
        return {listener for name in channels for listener in self.by_channel.get(name, ())}

    def enter(self, grant: Grant) -> Listener:
        listener = self.listeners[grant.person_pk] = Listener(grant)
        self._index(listener, grant.channels)
        return listener

    def add(self, listener: Listener, stream: Stream) -> None:
        listener.hold((*listener.streams, stream))
        stream.listener = listener

    def remove(self, stream: Stream) -> Listener | None:
        """Whose it was; None where it never joined, or has left."""
        listener, stream.listener = stream.listener, None
        if listener is None:
            return None
        listener.hold(tuple(other for other in listener.streams if other is not stream))
        if not listener.streams:
            del self.listeners[listener.pk]
            self._forget(listener, listener.channels)
        return listener

    def move(self, listener: Listener, grant: Grant) -> None:
        """`listener` hears what `grant` says, and nothing else."""
        self._forget(listener, listener.channels.keys() - grant.channels.keys())
        self._index(listener, grant.channels)
        listener.channels = grant.channels

    def _index(self, listener: Listener, channels: Iterable[str]) -> None:
        for name in channels:
            self.by_channel.setdefault(name, set()).add(listener)

    def _forget(self, listener: Listener, channels: Iterable[str]) -> None:
        for name in channels:
            hearing = self.by_channel[name]
            hearing.discard(listener)
            if not hearing:
                del self.by_channel[name]
