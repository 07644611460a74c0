"""Who has a stream open in this process, and who hears which channel."""

from collections.abc import Collection, Iterable

from notificacao import audiences
from notificacao.stream.authorisation import Grant
from notificacao.stream.subscribers import Stream, Subscriber


class SubscriberRegistry:
    """The listeners, by person and by channel; nothing is kept of who left."""

    def __init__(self) -> None:
        self.subscribers: dict[int, Subscriber] = {}
        self.in_standby = 0  # how many of them
        self._by_shared: dict[str, set[Subscriber]] = {}
        self._by_personal: dict[str, Subscriber] = {}  # a set for each would weigh more than the listener

    def streams(self) -> list[Stream]:
        return [stream for subscriber in self.subscribers.values() for stream in subscriber.streams]

    def channels(self) -> list[tuple[str, Collection[Subscriber]]]:
        """Each channel that somebody hears, and who does."""
        return [*self._by_shared.items(), *((name, (owner,)) for name, owner in self._by_personal.items())]

    def subscribers_of(self, channel: str) -> Collection[Subscriber]:
        """Whoever hears `channel`."""
        if not audiences.is_personal(channel):
            return self._by_shared.get(channel, ())
        owner = self._by_personal.get(channel)
        return () if owner is None else (owner,)

    def subscribers_of_any(self, channels: Iterable[str]) -> set[Subscriber]:
        return {subscriber for name in channels for subscriber in self.subscribers_of(name)}

    def enter(self, grant: Grant) -> Subscriber:
        subscriber = self.subscribers[grant.person_pk] = Subscriber(grant)
        self._index(subscriber, grant.channels)
        return subscriber

    def add(self, subscriber: Subscriber, stream: Stream) -> None:
        self._hold(subscriber, (*subscriber.streams, stream))
        stream.subscriber = subscriber

    def remove(self, stream: Stream) -> Subscriber | None:
        """Whose it was; None where it never joined, or has left."""
        subscriber, stream.subscriber = stream.subscriber, None
        if subscriber is None:
            return None
        self._hold(subscriber, tuple(other for other in subscriber.streams if other is not stream))
        if not subscriber.streams:
            del self.subscribers[subscriber.pk]
            self._forget(subscriber, subscriber.channels)
        return subscriber

    def _hold(self, subscriber: Subscriber, streams: tuple[Stream, ...]) -> None:
        self.in_standby -= subscriber.in_standby
        subscriber.hold(streams)
        self.in_standby += subscriber.in_standby

    def move(self, subscriber: Subscriber, grant: Grant) -> None:
        """`listener` hears what `grant` says, and nothing else."""
        self._forget(subscriber, subscriber.channels.keys() - grant.channels.keys())
        self._index(subscriber, grant.channels)
        subscriber.channels = grant.channels

    def _index(self, subscriber: Subscriber, channels: Iterable[str]) -> None:
        for name in channels:
            if audiences.is_personal(name):
                self._by_personal[name] = subscriber
            else:
                self._by_shared.setdefault(name, set()).add(subscriber)

    def _forget(self, subscriber: Subscriber, channels: Iterable[str]) -> None:
        for name in channels:
            if audiences.is_personal(name):
                del self._by_personal[name]
                continue
            subscribers_of = self._by_shared[name]
            subscribers_of.discard(subscriber)
            if not subscribers_of:
                del self._by_shared[name]
