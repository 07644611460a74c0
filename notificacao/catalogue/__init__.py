"""Turn business events into notifications: the events and their texts (`events`), who gets them (`notices`)."""
