"""Buckets of tokens: in memory, shared through Redis, and while Redis is gone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from structlog.testing import capture_logs

from notificacao import rates
from notificacao.rates import Buckets, Memory, Rate
from tests.live.redis import RedisServer

TEN = Rate(per_minute=10, burst=15)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def memory(clock):
    return Memory(clock)


def allowed(bucket, name="ana", times=30, rate=TEN):
    return sum(bucket.take(name, rate) == 0 for _ in range(times))


def test_a_full_bucket_gives_its_burst_and_then_ten_a_minute(memory, clock):
    assert allowed(memory) == 15
    assert memory.take("ana", TEN) == pytest.approx(6.0)
    clock.now += 6
    assert allowed(memory) == 1
    clock.now += 60
    assert allowed(memory) == 10
    clock.now += 3_600
    assert allowed(memory) == 15


def test_who_is_refused_pays_nothing_for_it(memory, clock):
    allowed(memory, times=1_000)
    clock.now += 6
    assert memory.take("ana", TEN) == 0


def test_whoever_comes_at_the_pace_of_the_rate_is_never_refused(memory, clock):
    for _ in range(500):
        assert memory.take("ana", TEN) == 0
        clock.now += 6


def test_each_name_has_a_bucket_of_its_own(memory):
    allowed(memory, "ana")
    assert allowed(memory, "bia") == 15


def test_a_flood_of_names_lets_nobody_in_who_was_kept_out(memory, monkeypatch):
    monkeypatch.setattr(rates, "_REMEMBERED", 100)
    allowed(memory, "ana")
    for number in range(1_000):
        memory.take(f"stranger {number}", TEN)
    assert memory.take("ana", TEN) > 0
    assert len(memory._full_at) <= 100


def test_many_threads_get_no_more_than_the_burst(memory):
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: allowed(memory), range(8))) == 15


class TestShared:
    pytestmark = pytest.mark.services

    @pytest.fixture
    def own_redis(self, settings):
        """A Redis that the test may kill."""
        with RedisServer() as server:
            settings.REDIS_URL = server.url
            yield server

    @pytest.fixture
    def shared(self, redis, settings):
        """`shared()`: the buckets of one more process."""
        settings.REDIS_URL = redis.url
        return lambda: Buckets(Memory())

    def test_all_processes_take_from_the_same_bucket(self, shared):
        processes = [shared() for _ in range(4)]
        start = threading.Barrier(4)

        def take(process):
            start.wait()
            return [process.take([("together", TEN)])[0] for _ in range(10)]

        with ThreadPoolExecutor(4) as threads:
            waits = [wait for found in threads.map(take, processes) for wait in found]
        assert waits.count(0) == 15
        assert all(0 < wait <= 6 for wait in waits if wait)

    def test_many_are_asked_for_in_one_round_trip_and_answered_in_their_order(self, shared):
        wanted = [("many", Rate(60, 2)), ("other", Rate(60, 1)), ("many", Rate(60, 2)), ("many", Rate(60, 2))]
        waits = shared().take(wanted)
        assert waits[:3] == [0, 0, 0]
        assert 0 < waits[3] <= 1

    def test_it_fills_again_by_the_clock_of_redis(self, shared):
        quick = Rate(per_minute=60_000, burst=1)
        process = shared()
        assert process.take([("quick", quick)]) == [0]
        wait = process.take([("quick", quick)])[0]
        assert wait <= 0.001
        assert any(process.take([("quick", quick)]) == [0] for _ in range(1_000))

    def test_a_bucket_that_is_full_again_leaves_nothing_behind(self, shared):
        process = shared()
        process.take([("leaves", Rate(per_minute=60, burst=1))])
        assert 0 < process._client.pttl("semtas:rate:leaves") <= 1_001

    def test_a_connection_that_is_closed_before_it_answered_is_opened_again(self, shared, monkeypatch):
        process = shared()
        read = redis.Connection.read_response

        def closed(*args, **kwargs):
            monkeypatch.setattr(redis.Connection, "read_response", read)
            raise redis.ConnectionError("closed")

        assert process.take([("ana", TEN)]) == [0]
        monkeypatch.setattr(redis.Connection, "read_response", closed)
        with capture_logs() as logs:
            assert process.take([("ana", TEN)]) == [0]
        assert logs == []

    @pytest.mark.parametrize("how", ["kill", "freeze"])
    def test_while_redis_is_gone_each_process_counts_for_itself_and_says_so_once(self, own_redis, how, clock):
        process = Buckets(Memory(clock), clock)
        assert process.take([("ana", TEN)]) == [0]
        getattr(own_redis, how)()
        with capture_logs() as logs:
            assert sum(process.take([("ana", TEN)])[0] == 0 for _ in range(30)) == 15
            clock.now += 10
            assert process.take([("bia", TEN)]) == [0]
        assert [(log["event"], log["log_level"]) for log in logs] == [("rates_are_per_process", "warning")]
        own_redis.thaw() if how == "freeze" else own_redis.start()
        clock.now += 10
        with capture_logs() as logs:
            assert process.take([("caio", TEN)]) == [0]
        assert [log["event"] for log in logs] == ["rates_are_shared_again"]
        assert process._client.exists("semtas:rate:caio")

    def test_a_redis_that_is_gone_is_not_asked_for_seconds(self, own_redis, clock, monkeypatch):
        process = Buckets(Memory(clock), clock)
        own_redis.kill()
        asked = []
        ask = process._ask_redis
        monkeypatch.setattr(process, "_ask_redis", lambda wanted: asked.append(wanted) or ask(wanted))
        for _ in range(10):
            process.take([("ana", TEN)])
        assert len(asked) == 1
