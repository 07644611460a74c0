"""What is broken on purpose, and the checker that says whether anything was lost by it."""
