"""The guides of `docs/guides/`, followed word by word on a copy of the tree."""
