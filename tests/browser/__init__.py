"""The four scenes of the house, and what breaks them, in a real browser against real processes."""
