"""Everything that can happen, in any order, in one deterministic world: the same checker finds nothing wrong with it,
and whoever restarts from a cursor that was ever saved gets all that is theirs and unseen.
"""

import itertools

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.faults.postgres import connected_to
from tests.faults.virtual import simulated
from tests.faults.world import WRITERS, World, people_a_world_needs
from tests.live.site import migrate

pytestmark = [pytest.mark.faults, pytest.mark.services]

PLACE = st.integers(0, 99)


class Site(RuleBasedStateMachine):
    """`ana` and `bia` begin in the first unit, `caio` in none; each has a page."""

    @initialize(
        seed=st.integers(0, 2**32), everyone=st.booleans(), attached=st.lists(st.booleans(), min_size=3, max_size=3)
    )
    def begin(self, seed, everyone, attached):
        self.simulation = simulated(seed)
        self.world = World(self.simulation.__enter__())
        ana, bia, _ = self.world.people
        for person in (ana, bia):
            self.world.join(person, self.world.units[0])
        self.world.set_flag(everyone)
        for person, attaches in zip(self.world.people, attached, strict=True):
            tab = self.world.open_tab(person)
            if everyone and attaches:
                tab.attach()
            tab.go_on()

    @rule(channels=st.lists(PLACE, min_size=1, max_size=4), which=st.integers(0, 1))
    def life_goes_on(self, channels, which):
        """What happens all day long, and makes the other rules matter."""
        self.send(channels)
        self.dispatch(which, 5)
        self.world.loop.pass_time(0.05)
        self.some(self.world.tabs, which).go_on()

    def some(self, things, place):
        return things[place % len(things)]

    # --- Producers

    @rule(writer=st.sampled_from(WRITERS), channels=st.lists(PLACE, min_size=1, max_size=2))
    def write(self, writer, channels):
        names = dict.fromkeys(self.some(self.world.channels, place) for place in channels)
        self.world.write(writer, list(names))

    @rule(channels=st.lists(PLACE, min_size=1, max_size=8))
    def send(self, channels):
        """Events of one row each, committed at once; where another holds up all writers, the site answers 503."""
        if self.world.is_held_up:
            return
        for place in channels:
            self.world.write("default", [self.some(self.world.channels, place)])
        self.world.end("default", commit=True)

    @precondition(lambda self: self.world.writing)
    @rule(place=PLACE)
    def commit(self, place):
        self.world.end(self.some(self.world.writing, place), commit=True)

    @precondition(lambda self: self.world.writing)
    @rule(place=PLACE)
    def roll_back(self, place):
        self.world.end(self.some(self.world.writing, place), commit=False)

    @precondition(lambda self: any(row.committed for row in self.world.rows.values()))
    @rule(place=PLACE)
    def expire(self, place):
        self.world.expire(self.some([row.id for row in self.world.rows.values() if row.committed], place))

    # --- Dispatchers: two, either of which may believe that it leads

    @rule(which=st.integers(0, 1), last=st.integers(1, 5))
    def dispatch(self, which, last):
        """The first so many of the steps; a dispatcher that stops there may go on later, or never."""
        dispatcher = self.world.dispatchers[which]
        steps = (dispatcher.lead, dispatcher.stamp, dispatcher.claim, dispatcher.publish, dispatcher.settle)
        for step in steps[:last]:
            step()

    @rule(which=st.integers(0, 1))
    def dispatch_at_once(self, which):
        self.dispatch(which, 5)

    @rule(which=st.integers(0, 1), step=st.sampled_from(["lead", "stamp", "claim", "publish", "settle"]))
    def one_step(self, which, step):
        getattr(self.world.dispatchers[which], step)()

    @rule(which=st.integers(0, 1))
    def kill_dispatcher(self, which):
        self.world.dispatchers[which].die()

    @rule()
    def leases_run_out(self):
        self.world.let_leases_run_out()

    # --- Pages

    @rule(place=PLACE, lane=st.sampled_from(["live", "standby"]))
    def connect(self, place, lane):
        tab = self.some(self.world.tabs, place)
        if tab.leader is None:
            tab.open(lane)

    @rule(place=PLACE)
    def drop(self, place):
        self.some(self.world.tabs, place).drop()

    @rule(place=PLACE)
    def read(self, place):
        self.some(self.world.tabs, place).read()

    @rule(place=PLACE)
    def go_on(self, place):
        self.some(self.world.tabs, place).go_on()

    @rule(place=PLACE)
    def attach(self, place):
        """In the rollout, with a token."""
        tab = self.some(self.world.tabs, place)
        if tab.link is None and tab.leader is None and self.world.assigned(tab.person):
            tab.attach()

    @rule(place=PLACE)
    def suspend(self, place):
        tab = self.some(self.world.tabs, place)
        if tab.link is not None:
            tab.detach()
            tab.open("live")

    @precondition(lambda self: len(self.world.tabs) < 6)
    @rule(place=PLACE, follows=st.booleans())
    def open_tab(self, place, follows):
        other = self.some(self.world.tabs, place)
        with self.world.unless_busy():
            self.world.open_tab(other.person, (other.leader or other) if follows else None)

    @precondition(lambda self: len(self.world.tabs) > 2)
    @rule(place=PLACE)
    def close_tab(self, place):
        """One that leads may die: those who followed it go on by themselves."""
        self.world.close_tab(self.some(self.world.tabs, place))

    # --- The rest

    @rule(person=st.integers(0, 2), unit=st.integers(0, 1))
    def change_membership(self, person, unit):
        self.world.change_membership(self.world.people[person], self.world.units[unit])

    @rule(writer=st.sampled_from(WRITERS), person=st.integers(0, 2), unit=st.integers(0, 1))
    def change_membership_in_a_transaction(self, writer, person, unit):
        """It ends with the rules of producers: soon, late, or not at all."""
        self.world.change_membership_within(writer, self.world.people[person], self.world.units[unit])

    @rule(everyone=st.booleans())
    def flip_the_flag(self, everyone):
        self.world.set_flag(everyone)

    @rule(down=st.booleans())
    def ably_goes_or_comes(self, down):
        self.world.ably.down = down
        self.world.watch_ably()

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.1, 6.0]))
    def time_passes(self, seconds):
        self.world.loop.pass_time(seconds)

    @rule()
    def everybody_goes_on(self):
        self.world.loop.pass_time(0.1)
        for tab in list(self.world.tabs):
            tab.go_on()

    def teardown(self):
        if not hasattr(self, "world"):
            return
        try:
            self.world.come_to_rest()
            assert not self.world.faults(), "\n".join(map(str, self.world.faults()))
            assert not self.world.forgetful_cursors()
        finally:
            self.world.close()
            self.simulation.__exit__(None, None, None)


@pytest.fixture
def url(request, tmp_path):
    """Of a database of its own. On SQLite one transaction writes at a time, and everybody reads beside it."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").create_database()
    migrate(tmp_path / "world.sqlite3")
    return f"sqlite:///{tmp_path / 'world.sqlite3'}"


@pytest.fixture
def a_database(url, django_db_blocker, settings):
    settings.ABLY_API_KEY = "app.key:segredo-de-teste-com-32-letras-x"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with django_db_blocker.unblock(), connected_to(url, *WRITERS):
        people_a_world_needs()
        yield settings


EACH = [("postgresql", True), ("sqlite", False)]  # either kind of database, and with and without wakes
ALL = itertools.product(["postgresql", "sqlite"], [True, False])


@pytest.mark.parametrize(
    ("url", "wakes", "examples"),
    [*((*pair, 6) for pair in EACH), *((*pair, 30) for pair in ALL)],
    indirect=["url"],
)
def test_nothing_is_ever_lost_doubled_or_shown_to_others(a_database, wakes, examples):
    a_database.WAKES = wakes
    run_state_machine_as_test(
        Site,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
