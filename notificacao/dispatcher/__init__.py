"""The dispatcher: one leader that stamps what was committed and has it published."""
