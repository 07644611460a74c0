"""Answer why somebody received a notification, or did not: facts, a verdict in one sentence, what is on record."""

from notificacao.why.facts import Facts, gather
from notificacao.why.timeline import Step
from notificacao.why.timeline import of as timeline_of
from notificacao.why.verdict import Verdict, judge

__all__ = ["Facts", "Step", "Verdict", "gather", "judge", "timeline_of"]
