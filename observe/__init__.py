"""Watch a site of this machine by real Prometheus and Alertmanager, and break it to see who is told: `script/observe`."""
