"""Guard the rollout: count, weigh and decide. Its modules need numpy, which only a plan that is under way loads."""

GRACE = 600.0  # seconds after a step in which nothing is measured: pages reload, attach, fetch what they lack
LOOK_EVERY = 60.0  # seconds
