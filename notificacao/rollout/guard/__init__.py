"""Guard the rollout: count, weigh and decide. Its modules need numpy, which only a plan that is under way loads."""

LOOK_EVERY = 60.0  # seconds
