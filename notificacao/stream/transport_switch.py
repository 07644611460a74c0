"""Which transport each page should use, and that it is told where it should change."""

from collections import deque

from notificacao.rollout import Rollout
from notificacao.stream import frames
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Stream, Subscriber

AT_ONCE = 100  # pages sent to Ably in one tick: each fetches its session, then asks for a token


class TransportSwitch:
    """Off Ably at once; to Ably a few at a time: whoever waits for that is served by the live lane meanwhile.

    `rollout` is as it was last looked up; None: it has to be looked up anew.
    """

    def __init__(self, registry: SubscriberRegistry):
        self._registry = registry
        self.rollout: Rollout | None = None
        self._waiting: deque[Stream] = deque()

    def follow(self, now: Rollout) -> None:
        """Find out whose page should change, where the rollout did."""
        changed = self.rollout is None or now.key != self.rollout.key
        self.rollout = now
        if changed:
            self._waiting.clear()
            for subscriber in self._registry.subscribers.values():
                for stream in subscriber.streams:
                    self._judge(subscriber, stream)

    def _judge(self, subscriber: Subscriber, stream: Stream) -> None:
        should, is_news = self._transport_for(subscriber, stream)
        if is_news and should == "ably":
            self._waiting.append(stream)
            return
        if is_news:
            stream.write(frames.leave_ably())
        stream.told = should

    def _transport_for(self, subscriber: Subscriber, stream: Stream) -> tuple[str, bool]:
        """What the page should use, and whether it has to be told; an outage of Ably moves nobody out of standby."""
        if self.rollout is None:
            return stream.told, False
        if stream.lane is Lane.STANDBY:
            should = "ably" if self.rollout.assigned(subscriber.pk) else "sse"
            return should, should == "sse" != stream.told
        should = self.rollout.transport_for(subscriber.pk)
        return should, should == "ably" != stream.told

    def welcome(self, subscriber: Subscriber, stream: Stream) -> bool:
        """`stream` has joined; whether the rollout is to be looked up anew, since the page may know it better.

        What a page believes is told by the lane that it opens: the flag may have moved since it asked.
        """
        stream.told = "ably" if stream.lane is Lane.STANDBY else "sse"
        _, is_news = self._transport_for(subscriber, stream)
        if is_news:
            self.rollout = None
        return is_news

    def send(self) -> None:
        """The next few to Ably. Call it at each tick."""
        sent = 0
        while self._waiting and sent < AT_ONCE:
            stream = self._waiting.popleft()
            if stream.subscriber is not None:  # else it left while it waited
                stream.write(frames.session())
                stream.told = "ably"
                sent += 1
