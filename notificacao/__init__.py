"""Notifications: a log in the database, delivered over Ably or SSE."""
