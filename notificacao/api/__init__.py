"""Serve the HTTP API under `/api/v1/`. Views validate and answer; what they do lives in the modules below them."""
