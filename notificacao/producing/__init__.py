"""Send for other systems: their keys, what they ask for, what they may send, and whom they mean."""
