"""Say how long nothing is measured after a step: the guard waits for its end, and the page counts it down."""

GRACE = 600.0  # seconds in which pages reload, attach, and fetch what they lack
