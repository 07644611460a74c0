"""PostgreSQL, as Django reaches it, whose pool is rid at once of the connections that an outage left dead in it."""
