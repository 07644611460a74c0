"""Check what an Ably key can do and what is wrong with it, as `manage.py ably_check` prints it."""
