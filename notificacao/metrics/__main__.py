"""Print docs/metrics.md."""

from notificacao.metrics.document import text

print(text(), end="")
