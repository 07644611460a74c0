"""Decide which transport each page should use, tell the pages that should change, and those on Ably its outages."""

from collections import deque

from notificacao.rollout import Rollout
from notificacao.stream import frames
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Stream, Subscriber

AT_ONCE = 100  # pages that go to Ably in one tick: each fetches its session, then asks for a token


class TransportSwitch:
    """Move pages off Ably at once, and to Ably a few at a time: the live lane serves those that still wait.

    `rollout` is as it was last read; None: it has to be read anew.
    """

    def __init__(self, registry: SubscriberRegistry):
        self._registry = registry
        self.rollout: Rollout | None = None
        self._waiting: deque[Stream] = deque()

    def update(self, now: Rollout) -> None:
        """Take the rollout as it is now; where it changed, find the pages that should change."""
        changed = self.rollout is None or now.key != self.rollout.key
        self.rollout = now
        if changed:
            self._waiting.clear()
            for subscriber in self._registry.subscribers.values():
                for stream in subscriber.streams:
                    self._decide(subscriber, stream)

    def _decide(self, subscriber: Subscriber, stream: Stream) -> None:
        """Tell the page to leave Ably, or put it in the queue of those that go to Ably, where either is news to it."""
        should, is_news = self._transport_for(subscriber, stream)
        if is_news and should == "ably":
            self._waiting.append(stream)
            return
        if is_news:
            stream.write(frames.leave_ably())
        elif stream.lane is Lane.STANDBY and self.rollout is not None:
            self._tell_in_use(stream, self.rollout.ably_up)
        stream.told_transport = should

    @staticmethod
    def _tell_in_use(stream: Stream, in_use: bool) -> None:
        if in_use != stream.told_in_use:
            stream.write(frames.ably(in_use))
            stream.told_in_use = in_use

    def _transport_for(self, subscriber: Subscriber, stream: Stream) -> tuple[str, bool]:
        """Return what the page should use, and whether it has to be told.

        An outage of Ably moves no page out of standby.
        """
        if self.rollout is None:
            return stream.told_transport, False
        if stream.lane is Lane.STANDBY:
            assigned = stream.can_verify and self.rollout.assigned(subscriber.pk, subscriber.channels)
            should = "ably" if assigned else "sse"
            return should, should == "sse" != stream.told_transport
        should = self.rollout.transport_for(subscriber.pk, subscriber.channels, can_verify=stream.can_verify)
        return should, should == "ably" != stream.told_transport

    def note_join(self, subscriber: Subscriber, stream: Stream) -> bool:
        """Note that `stream` has joined; return whether the rollout has to be read anew.

        The lane that a page opens says what the page believes, and that may be newer than `rollout`: the flag may have
        moved since.
        """
        stream.told_transport = "ably" if stream.lane is Lane.STANDBY else "sse"
        _, is_news = self._transport_for(subscriber, stream)
        if is_news:
            self.rollout = None
        elif stream.lane is Lane.STANDBY and self.rollout is not None:
            self._tell_in_use(stream, self.rollout.ably_up)
        return is_news

    def tell_next(self) -> None:
        """Tell the next AT_ONCE pages to go to Ably. Call it at each tick."""
        sent = 0
        while self._waiting and sent < AT_ONCE:
            stream = self._waiting.popleft()
            if stream.subscriber is not None:  # else the page left while it waited
                stream.write(frames.session())
                stream.told_transport = "ably"
                sent += 1
