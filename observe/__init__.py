"""Watch a site by real Prometheus and Alertmanager, and break it to see who is told: `script/observe`."""
