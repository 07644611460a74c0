"""The scenes of the proof, one module each: each puts the town to something and returns a section of the report."""
