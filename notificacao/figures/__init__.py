"""Keep the system's figures in the database, by the minute, for whoever has no Prometheus: counted, kept, and read."""
