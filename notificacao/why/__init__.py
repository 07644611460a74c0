"""Answer why somebody received a notification, or did not."""
