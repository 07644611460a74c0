"""Say in one sentence why somebody received a notification or did not, and what to do: pure, of the facts alone."""

from dataclasses import dataclass
from datetime import datetime

from notificacao.models import DispatchState, Receipt
from notificacao.texts import to_the_second as told_at
from notificacao.why.facts import Audience, Facts

SLOW_MS = 2_000  # the bound within which a notification comes whatever has failed (Ably gone, Redis gone)


@dataclass(frozen=True)
class Verdict:
    """Hold the answer: `code` for machines, `sentence` and `advice` for staff (pt-BR)."""

    code: str
    sentence: str
    advice: str = ""


def judge(facts: Facts) -> Verdict:
    """Return the first verdict that holds; what is certain comes before what is likely."""
    for rule in (_not_for_them, _received, _not_yet_there, _away, _connected):
        verdict = rule(facts)
        if verdict is not None:
            return verdict
    raise AssertionError("the last rule always answers")


def _not_for_them(facts: Facts) -> Verdict | None:
    who, whom = _name(facts), facts.recipient
    match facts.audience:
        case _ if not facts.person.is_active and not _has(facts):
            return Verdict(
                "inactive",
                f"A conta de {who} está desativada: quem está desativado não recebe nada.",
                "Se a pessoa voltou ao trabalho, reative a conta em Pessoas.",
            )
        case Audience.NEVER:
            return Verdict(
                "never_addressed",
                f"Não era para {who}: foi enviada para {whom}, de onde a pessoa não recebe.",
                "Se deveria receber, dê a ela a função na unidade, em Pessoas. Vale para o que vier depois.",
            )
        case Audience.JOINED_LATER:
            return Verdict(
                "joined_later",
                f"{who} só passou a receber de {whom} {_on(facts.since)}, depois desta notificação.",
                "Envie de novo, se ela precisa saber: o que é de antes não aparece para quem chega.",
            )
        case Audience.LEFT_BEFORE:
            return Verdict(
                "left_before",
                f"{who} deixou de receber de {whom} {_on(facts.ended_at)}, antes desta notificação.",
                "Se a saída foi engano, devolva a função em Pessoas e envie de novo.",
            )
    return None


def _received(facts: Facts) -> Verdict | None:
    if not _has(facts):
        return None
    who, receipt = _name(facts), facts.receipt
    if facts.audience is Audience.LEFT_AFTER:
        got = f"a recebeu {_on(receipt.delivered_at)} e " if receipt and receipt.delivered_at else ""
        return Verdict(
            "left_after",
            f"{who} {got}deixou de receber de {facts.recipient} {_on(facts.ended_at)}: não a vê mais.",
            "Se a saída foi engano, devolva a função em Pessoas.",
        )
    if receipt is not None and receipt.archived_at:
        return Verdict(
            "archived",
            f"{who} a arquivou {_on(receipt.archived_at)}: não está mais na caixa de entrada.",
            "Peça que olhe em “Arquivadas”.",
        )
    if receipt is None or not receipt.delivered_at:
        return Verdict("read", f"{who} a leu{_read_at(facts)}.", "Nada a fazer.")
    return _delivered(facts, who, receipt)


def _delivered(facts: Facts, who: str, receipt: Receipt) -> Verdict:
    how = f"{_way(receipt)}, em {_duration(receipt.latency_ms or 0)}"
    if receipt.transport == Receipt.Transport.REST:
        return Verdict(
            "fetched",
            f"Chegou a {who} {_on(receipt.delivered_at)} por consulta, {_duration(receipt.latency_ms or 0)} depois: "
            f"{_why_not_live(facts)}.",
            "Se se repete, peça que abra Diagnóstico e veja o que a rede dela deixa passar.",
        )
    if (receipt.latency_ms or 0) > SLOW_MS:
        return Verdict(
            "late",
            f"Chegou a {who} {_on(receipt.delivered_at)} {how}: tarde, {_why_late(facts)}.",
            "Veja em Metas se outras pessoas esperaram também.",
        )
    read = f" Leu{_read_at(facts)}." if facts.read else " Ainda não leu."
    came = f"Chegou a {who} {_on(receipt.delivered_at)} {how}."
    return Verdict("delivered", came + read, "Peça que olhe a caixa de entrada.")


def _not_yet_there(facts: Facts) -> Verdict | None:
    row = facts.row
    if facts.audience is Audience.LEFT_AFTER:
        return Verdict(
            "left_after",
            f"{_name(facts)} deixou de receber de {facts.recipient} {_on(facts.ended_at)}, sem confirmar a entrega.",
            "Se a saída foi engano, devolva a função em Pessoas.",
        )
    if row.seq is None:
        return Verdict(
            "unstamped",
            f"Ainda não começou a ser entregue: espera o registro desde {told_at(row.created_at)}.",
            "Veja no início da administração se há o alerta “Nenhum despachante está no comando”.",
        )
    if facts.expired:
        return Verdict(
            "expired",
            f"Expirou {_on(row.expires_at)}, antes que {_name(facts)} a recebesse.",
            "Envie de novo com um prazo maior, se ainda importa.",
        )
    return None


def _away(facts: Facts) -> Verdict | None:
    if facts.connected:
        return None
    who = _name(facts)
    refused = [event for event in facts.refusals if event.action == "stream_refused"]
    if refused:
        return Verdict(
            "stream_refused",
            f"A página de {who} não conseguiu ligar-se: {refused[-1].reason} ({told_at(refused[-1].at)}).",
            "Peça que recarregue a página e entre de novo.",
        )
    if facts.came_at is None:
        before = [span for span in facts.spans if span.until and span.until < facts.moment]
        last = f" A última fechou {_on(before[-1].until)}." if before else ""
        return Verdict(
            "no_page",
            f"{who} não tinha página aberta e ainda não abriu nenhuma desde então.{last}",
            "Está à espera: aparece assim que ela entrar. Se é urgente, ligue.",
        )
    return Verdict(
        "page_closed",
        f"{who} não tinha página aberta na hora; abriu {_on(facts.came_at)}, e ela veio na lista, sem recibo.",
        "Peça que olhe a caixa de entrada: está lá.",
    )


def _connected(facts: Facts) -> Verdict:
    who = _name(facts)
    if facts.sampled:
        return Verdict(
            "not_sampled",
            f"{who} tinha a página aberta. De unidades só se guarda parte dos recibos: a falta não diz nada.",
            "Pergunte se está na caixa de entrada.",
        )
    if any(span.standby for span in facts.connected):
        return _on_ably(facts, who)
    ended = facts.connected[-1].until
    if ended is not None and (ended - facts.moment).total_seconds() < 60:
        return Verdict(
            "dead_stream",
            f"A conexão de {who} caiu {_on(ended)}, logo depois do envio: o recibo não veio.",
            "Está na caixa de entrada quando a página voltar; peça que recarregue.",
        )
    return Verdict(
        "no_receipt",
        f"{who} tinha a página aberta por SSE e o navegador não confirmou: aba congelada ou rede presa.",
        "Peça que recarregue a página; se se repete, que abra Diagnóstico.",
    )


def _on_ably(facts: Facts, who: str) -> Verdict:
    row = facts.row
    tokens = [event for event in facts.refusals if event.action == "token_refused"]
    if tokens:
        return Verdict(
            "token_refused",
            f"O token do Ably foi recusado a {who} ({tokens[-1].reason}, {told_at(tokens[-1].at)}), e não há recibo.",
            "Peça que recarregue a página. Se se repete, veja Auditoria.",
        )
    if row.dispatch_state == DispatchState.PENDING:
        return Verdict(
            "parked",
            f"Espera a vez no Ably desde {told_at(facts.moment)}, após {row.attempts} tentativas; SSE já a ofereceu.",
            "Veja o Ably no início da administração; em dúvida, ponha a chave de transição em “Não”.",
        )
    if row.dispatch_state == DispatchState.FAILED:
        return Verdict(
            "ably_failed",
            f"O Ably não a aceitou ({row.error or 'sem motivo'}); foi oferecida a {who} por SSE, sem recibo.",
            "Peça que recarregue a página.",
        )
    if not facts.tokens and row.dispatch_state == DispatchState.PUBLISHED:
        return Verdict(
            "no_token",
            f"{who} estava no Ably sem token novo na última hora, e o navegador não confirmou.",
            "Peça que recarregue a página; o token é renovado.",
        )
    return Verdict(
        "no_receipt_ably",
        f"Publicada no Ably; {who} tinha a página aberta e não confirmou: aba congelada, ou chave que faltou.",
        "Peça que recarregue a página: ela confere o que falta. Se se repete, que abra Diagnóstico.",
    )


# --- Words


def _has(facts: Facts) -> bool:
    receipt = facts.receipt
    return facts.read or (receipt is not None and bool(receipt.delivered_at or receipt.archived_at))


def _name(facts: Facts) -> str:
    return facts.person.get_full_name() or facts.person.username


def _on(at: datetime | None) -> str:
    return "em data que não se sabe" if at is None else f"em {told_at(at)}"


def _read_at(facts: Facts) -> str:
    return f" {_on(facts.receipt.read_at)}" if facts.receipt and facts.receipt.read_at else ""


def _way(receipt: Receipt) -> str:
    return f"por {Receipt.Transport(receipt.transport).label}"


def _duration(milliseconds: int) -> str:
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    seconds = milliseconds // 1_000
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7_200 else f"{seconds // 3_600} h"


def _why_not_live(facts: Facts) -> str:
    if not facts.connected:
        return "não tinha página aberta na hora"
    return "a conexão não estava inteira e a página foi buscar o que faltava"


def _why_late(facts: Facts) -> str:
    if not facts.connected:
        return "porque não tinha página aberta na hora"
    if facts.breaker == "open" or any(alert.name == "BreakerOpen" for alert in facts.alerts):
        return "com o Ably fora de uso"
    return "com a página aberta: rede lenta ou aba em segundo plano"
