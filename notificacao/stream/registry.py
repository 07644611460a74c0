"""Keep a registry of who has a stream open in this process, by person and by channel."""

from collections.abc import Collection, Iterable

from notificacao import audiences
from notificacao.stream.authorisation import Grant
from notificacao.stream.subscribers import Stream, Subscriber


class SubscriberRegistry:
    """Index the subscribers by person and by channel; nothing is kept of a person whose last stream is gone."""

    def __init__(self) -> None:
        self.subscribers: dict[int, Subscriber] = {}
        self.in_standby = 0  # how many subscribers have a stream in the standby lane
        self.withheld = 0  # and from how many rows are withheld
        self._by_shared: dict[str, set[Subscriber]] = {}
        self._by_personal: dict[str, Subscriber] = {}  # a set for each would weigh more than the subscriber

    def streams(self) -> list[Stream]:
        """Return all open streams."""
        return [stream for subscriber in self.subscribers.values() for stream in subscriber.streams]

    def channels(self) -> list[tuple[str, Collection[Subscriber]]]:
        """Return each channel that has subscribers, with them."""
        return [*self._by_shared.items(), *((name, (owner,)) for name, owner in self._by_personal.items())]

    def subscribers_of(self, channel: str) -> Collection[Subscriber]:
        """Return the subscribers of `channel`."""
        if not audiences.is_personal(channel):
            return self._by_shared.get(channel, ())
        owner = self._by_personal.get(channel)
        return () if owner is None else (owner,)

    def subscribers_of_any(self, channels: Iterable[str]) -> set[Subscriber]:
        """Return the subscribers of at least one of `channels`."""
        return {subscriber for name in channels for subscriber in self.subscribers_of(name)}

    def add_subscriber(self, grant: Grant) -> Subscriber:
        """Add the person of `grant`, who has no stream yet, and return their subscriber."""
        subscriber = self.subscribers[grant.person_pk] = Subscriber(grant)
        self._index(subscriber, grant.channels)
        return subscriber

    def add_stream(self, subscriber: Subscriber, stream: Stream) -> None:
        """Give `subscriber` one more stream."""
        self._set_streams(subscriber, (*subscriber.streams, stream))
        stream.subscriber = subscriber

    def remove_stream(self, stream: Stream) -> Subscriber | None:
        """Remove `stream`, and return the subscriber that owned it; None where it never joined, or has left."""
        subscriber, stream.subscriber = stream.subscriber, None
        if subscriber is None:
            return None
        self._set_streams(subscriber, tuple(other for other in subscriber.streams if other is not stream))
        if not subscriber.streams:
            del self.subscribers[subscriber.pk]
            if subscriber.withheld:
                self.withheld -= 1
            else:
                self._forget(subscriber, subscriber.channels)
        return subscriber

    def _set_streams(self, subscriber: Subscriber, streams: tuple[Stream, ...]) -> None:
        """Give `subscriber` these streams, and keep the number of those in standby."""
        self.in_standby -= subscriber.in_standby
        subscriber.set_streams(streams)
        self.in_standby += subscriber.in_standby

    def change_grant(self, subscriber: Subscriber, grant: Grant) -> None:
        """Subscribe `subscriber` to the channels of `grant`, and to no others."""
        if not subscriber.withheld:
            self._forget(subscriber, subscriber.channels.keys() - grant.channels.keys())
            self._index(subscriber, grant.channels)
        subscriber.channels = grant.channels

    def withhold(self, subscriber: Subscriber, fed_to: int) -> None:
        """Take `subscriber`, whose streams have all their rows up to the seq `fed_to`, out of all channels."""
        if subscriber.withheld:
            return
        subscriber.withheld = True
        self.withheld += 1
        for stream in subscriber.streams:
            stream.fed_to = fed_to
        self._forget(subscriber, subscriber.channels)

    def release(self, subscriber: Subscriber) -> None:
        """Put `subscriber` back into their channels; without effect where their last stream is gone."""
        if subscriber.withheld and self.subscribers.get(subscriber.pk) is subscriber:
            subscriber.withheld = False
            self.withheld -= 1
            self._index(subscriber, subscriber.channels)

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
            subscribers = self._by_shared[name]
            subscribers.discard(subscriber)
            if not subscribers:
                del self._by_shared[name]
