"""Serve the live stream (SSE): authorise who opens it, replay what they missed, and feed this process's streams."""
