"""Stamp committed notifications and have them published: the dispatcher, of which one process at a time leads."""
