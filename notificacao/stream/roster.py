"""Who has a stream open in this process, and who hears which channel."""

from collections.abc import Collection, Iterable

from notificacao import audiences
from notificacao.stream.authorisation import Grant
from notificacao.stream.listeners import Listener, Stream


class Roster:
    """The listeners, by person and by channel; nothing is kept of who left."""

    def __init__(self) -> None:
        self.listeners: dict[int, Listener] = {}
        self.in_standby = 0  # how many of them
        self._by_shared: dict[str, set[Listener]] = {}
        self._by_personal: dict[str, Listener] = {}  # a set for each would weigh more than the listener

    def streams(self) -> list[Stream]:
        return [stream for listener in self.listeners.values() for stream in listener.streams]

    def channels(self) -> list[tuple[str, Collection[Listener]]]:
        """Each channel that somebody hears, and who does."""
        return [*self._by_shared.items(), *((name, (owner,)) for name, owner in self._by_personal.items())]

    def hearing(self, channel: str) -> Collection[Listener]:
        """Whoever hears `channel`."""
        if not audiences.is_personal(channel):
            return self._by_shared.get(channel, ())
        owner = self._by_personal.get(channel)
        return () if owner is None else (owner,)

    def hearing_any(self, channels: Iterable[str]) -> set[Listener]:
        return {listener for name in channels for listener in self.hearing(name)}

    def enter(self, grant: Grant) -> Listener:
        listener = self.listeners[grant.person_pk] = Listener(grant)
        self._index(listener, grant.channels)
        return listener

    def add(self, listener: Listener, stream: Stream) -> None:
        self._hold(listener, (*listener.streams, stream))
        stream.listener = listener

    def remove(self, stream: Stream) -> Listener | None:
        """Whose it was; None where it never joined, or has left."""
        listener, stream.listener = stream.listener, None
        if listener is None:
            return None
        self._hold(listener, tuple(other for other in listener.streams if other is not stream))
        if not listener.streams:
            del self.listeners[listener.pk]
            self._forget(listener, listener.channels)
        return listener

    def _hold(self, listener: Listener, streams: tuple[Stream, ...]) -> None:
        self.in_standby -= listener.in_standby
        listener.hold(streams)
        self.in_standby += listener.in_standby

    def move(self, listener: Listener, grant: Grant) -> None:
        """`listener` hears what `grant` says, and nothing else."""
        self._forget(listener, listener.channels.keys() - grant.channels.keys())
        self._index(listener, grant.channels)
        listener.channels = grant.channels

    def _index(self, listener: Listener, channels: Iterable[str]) -> None:
        for name in channels:
            if audiences.is_personal(name):
                self._by_personal[name] = listener
            else:
                self._by_shared.setdefault(name, set()).add(listener)

    def _forget(self, listener: Listener, channels: Iterable[str]) -> None:
        for name in channels:
            if audiences.is_personal(name):
                del self._by_personal[name]
                continue
            hearing = self._by_shared[name]
            hearing.discard(listener)
            if not hearing:
                del self._by_shared[name]
