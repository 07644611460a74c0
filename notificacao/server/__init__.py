"""Run the site: the process that `manage.py serve` starts, its HTTP protocol, and what runs beside its requests."""
