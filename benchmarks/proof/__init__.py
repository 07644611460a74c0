"""Prove the plan's goals on this machine, or say which are not: what `script/proof` runs.

`scenes/` has what is measured, one module each; `judging.py` holds it against the plan; `report.py` writes it down.
"""
