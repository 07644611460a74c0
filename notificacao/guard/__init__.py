"""Watches the rollout: what is measured, what can be said of it, and what is to be done."""
