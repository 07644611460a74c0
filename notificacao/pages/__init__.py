"""Serve the pages that staff see. Each can be read, and everything on it done, without JavaScript."""
