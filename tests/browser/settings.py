"""Run a site for browsers that keep static files, as they do in production. With DEBUG they would ask each time."""

from semtas.settings import *  # noqa: F403

SERVESTATIC_MAX_AGE = 3_600  # seconds
