"""Keep a log of notifications in the database, and deliver it to browsers over Ably or SSE."""
