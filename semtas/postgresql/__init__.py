"""Extend Django's PostgreSQL backend: its pool drops the connections that an outage left dead in it at once."""
