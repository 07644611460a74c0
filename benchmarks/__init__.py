"""Measurements: readable figures, ratios within one run, and one JSON object as the last line."""
