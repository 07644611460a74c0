"""How fast one person may open streams: one question for all who ask meanwhile, and what becomes of who asked."""

import asyncio
import contextlib
import threading

import pytest

from notificacao.stream import limits
from tests.waiting import PATIENCE, eventually


class Answers:
    """Stands for Redis: each question waits until it is let go; a person waits as many seconds as their pk says."""

    def __init__(self):
        self.asked = []
        self.error = None
        self._go = threading.Semaphore(0)

    def __call__(self, person_pks):
        self.asked.append(person_pks)
        assert self._go.acquire(timeout=PATIENCE)
        if self.error:
            raise self.error
        return [float(pk) for pk in person_pks]

    def let_go(self, questions=1):
        self._go.release(questions)


@pytest.fixture
def answers(monkeypatch, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"  # that it is set is all that counts
    answers = Answers()
    monkeypatch.setattr(limits, "_take", answers)
    return answers


@pytest.fixture
def openings():
    with contextlib.closing(limits.OpenRateLimiter()) as openings:
        yield openings


@pytest.fixture
def ask(openings, answers):
    """`await ask(1, 2)`: those people ask; the first is asked about by then."""

    async def begin(*pks):
        tasks = [asyncio.create_task(openings.take(pk)) for pk in pks]
        await eventually(lambda: answers.asked)
        return tasks

    return begin


async def answered(*tasks):
    """What each got, or what was raised."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_all_who_come_during_a_question_make_the_next_and_each_gets_their_own_answer(ask, answers):
    first = await ask(1)
    others = await ask(2, 3)
    await asyncio.sleep(0)
    answers.let_go(2)
    assert await answered(*first, *others) == [1, 2, 3]
    assert answers.asked == [[1], [2, 3]]


async def test_who_gave_up_takes_no_answer_away_from_the_others(ask, answers):
    gone, stays = await ask(1, 2)
    gone.cancel()
    await asyncio.wait([gone])
    answers.let_go()
    assert await answered(stays) == [2]
    assert answers.asked == [[1, 2]]


async def test_where_nobody_can_be_asked_all_who_asked_are_told_and_the_next_ask_again(ask, answers):
    answers.error = OSError("Redis fell over")
    tasks = await ask(1, 2)
    answers.let_go()
    assert [type(error) for error in await answered(*tasks)] == [OSError, OSError]
    answers.error = None
    answers.let_go()
    assert await answered(*await ask(3)) == [3]
