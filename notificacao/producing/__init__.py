"""Other systems send: their keys, what they ask, whom they mean, what they may."""
