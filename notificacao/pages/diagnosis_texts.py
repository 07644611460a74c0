"""Define what "Diagnóstico" says of each finding: one sentence, what the person can do, what the operator can do.

The codes are those of `diagnosis.js`; `{name}` is a number of the finding.
"""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Text(NamedTuple):
    sentence: Promise | str
    person: Promise | str = ""
    operator: Promise | str = ""


LINKS = {
    "server": _("Servidor"),
    "session": _("Sessão"),
    "clock": _("Relógio do computador"),
    "stream": _("Fluxo de notificações (SSE)"),
    "buffering": _("Caminho do fluxo (proxy)"),
    "token": _("Permissão para o Ably"),
    "sdk": _("Biblioteca do Ably"),
    "connection": _("Conexão com o Ably"),
    "channels": _("Canais do Ably"),
    "keys": _("Chaves dos canais"),
    "secure": _("Endereço seguro (https)"),
    "tabs": _("Várias abas"),
    "storage": _("Armazenamento do navegador"),
}

STATUSES = {
    "pending": _("verificando…"),
    "ok": _("ok"),
    "warning": _("atenção"),
    "failure": _("falha"),
    "skipped": _("não verificado"),
}

# Before the link's name where one fails; what deserves attention is told by its own sentence.
VERDICTS = {
    "pending": _("Verificando… o caminho do fluxo leva alguns segundos."),
    "failure": _("O elo que falha:"),
    "ok": _("Tudo certo: cada elo funciona."),
}
COPIED = _("Relatório copiado: sem nomes, sem textos de notificações, sem senhas.")
COPY_BY_HAND = _("O navegador não deixou copiar: selecione o texto abaixo e copie.")

_RELOAD = _("Recarregue a página. Se continuar, envie o relatório à equipe técnica.")
_STILL_SSE = _(
    "Você não precisa fazer nada: suas notificações chegam por SSE enquanto isso. Se continuar, envie o relatório à "
    "equipe técnica."
)
_PROXY = _(
    "Em cada proxy ou antivírus no caminho, desligue o buffer, a compressão e o cache de /api/v1/stream/ "
    "(nginx: proxy_buffering off) e aceite conexões abertas por mais de 60 segundos."
)
_FIREWALL = _("Libere no firewall e no proxy WebSocket (wss, porta 443) para *.ably.net e *.ably-realtime.com.")

TEXTS = {
    "untried": Text(_("Não foi verificado: depende de um elo acima.")),
    "not_on_ably": Text(_("Suas notificações chegam por SSE: você não está no grupo que usa o Ably.")),
    "too_many_channels": Text(
        _("Suas notificações chegam por SSE: você acompanha mais canais do que cabem em uma conexão com o Ably.")
    ),
    "cannot_verify": Text(
        _(
            "Suas notificações chegam por SSE: só um navegador atual, em um endereço https://, confere as assinaturas "
            "sem as quais nada do Ably é aceito."
        )
    ),
    # --- The server
    "server.ok": Text(_("O servidor responde.")),
    "server.slow": Text(
        _("O servidor responde devagar: {ms} ms."),
        _("Verifique se a sua rede está sobrecarregada."),
        _("Compare com o tempo de resposta visto no próprio servidor: a rede ou a carga dele."),
    ),
    "server.offline": Text(
        _("Este computador está sem rede."),
        _("Verifique o cabo ou o Wi-Fi; a página volta sozinha quando a rede voltar."),
    ),
    "server.unreachable": Text(
        _("O servidor não responde."),
        _("Aguarde um minuto e verifique de novo. Se outros sites abrem, avise a equipe técnica."),
        _("Veja se o processo `manage.py serve` e o proxy na frente dele estão no ar (/health/live)."),
    ),
    "server.failing": Text(
        _("O servidor respondeu com o erro {status}."),
        _("Aguarde um minuto e verifique de novo."),
        _("Veja /health/ready e os logs do servidor e do proxy."),
    ),
    "session.ok": Text(_("Você está conectado à sua conta.")),
    "session.signed_out": Text(
        _("A sua sessão terminou."),
        _("Entre de novo em /entrar/."),
        _("Se ela termina logo depois de entrar: cookies barrados, ou SECRET_KEY diferente entre os servidores."),
    ),
    "session.failing": Text(
        _("A sessão não pôde ser consultada (resposta {status})."),
        _RELOAD,
        _("Veja /health/ready: o banco de dados pode estar fora do ar."),
    ),
    "clock.ok": Text(_("O relógio está certo (diferença de {seconds} s).")),
    "clock.unknown": Text(
        _("O servidor não informou a hora."),
        operator=_("Um proxy retira o cabeçalho Date das respostas."),
    ),
    "clock.ahead": Text(
        _("O relógio deste computador está {seconds} s adiantado: os horários aparecem errados."),
        _("Acerte a hora do computador, de preferência pela hora da internet."),
        _("Se muitos computadores mostram o mesmo, acerte o relógio do servidor (NTP)."),
    ),
    "clock.behind": Text(
        _("O relógio deste computador está {seconds} s atrasado: os horários aparecem errados."),
        _("Acerte a hora do computador, de preferência pela hora da internet."),
        _("Se muitos computadores mostram o mesmo, acerte o relógio do servidor (NTP)."),
    ),
    # --- The stream
    "stream.ok": Text(_("O fluxo abriu, e o primeiro evento chegou em {ms} ms.")),
    "stream.slow": Text(
        _("O primeiro evento do fluxo demorou {ms} ms."),
        _("Você não precisa fazer nada: as notificações chegam, um pouco depois."),
        _("Veja a carga do servidor e do banco, e se o proxy segura as respostas."),
    ),
    "stream.unreachable": Text(
        _("O fluxo não abre, embora o servidor responda."),
        _("Se houver antivírus ou VPN que filtre a navegação, peça à equipe técnica que libere este site."),
        _("Algo no caminho corta /api/v1/stream/: veja as regras do proxy, do firewall e do antivírus."),
    ),
    "stream.throttled": Text(
        _("Muitos fluxos foram abertos em pouco tempo."),
        _("Aguarde um minuto e verifique de novo."),
    ),
    "stream.full": Text(
        _("O servidor não aceita mais fluxos agora."),
        _("Aguarde um minuto e verifique de novo."),
        _("Veja /health/ready e STREAMS_PER_PROCESS; acrescente processos web."),
    ),
    "stream.failing": Text(
        _("O fluxo respondeu com o erro {status}."),
        _RELOAD,
        _("Veja os logs do servidor e do proxy para /api/v1/stream/; o site precisa de `manage.py serve` (ASGI)."),
    ),
    "stream.foreign": Text(
        _("Algo no caminho respondeu no lugar do fluxo."),
        _("Se a rede tem página de acesso (Wi-Fi), entre nela e recarregue."),
        _PROXY,
    ),
    "stream.silent": Text(
        _("O fluxo abriu, mas nada chegou em {seconds} s: um proxy segura os dados."),
        _("Envie o relatório à equipe técnica. Até lá, a caixa consulta o servidor a cada 5 segundos."),
        _PROXY,
    ),
    "buffering.ok": Text(_("Os dados do fluxo passam na hora: o sinal seguinte chegou em {seconds} s.")),
    "buffering.late": Text(
        _("O sinal do fluxo atrasou: {seconds} s em vez de {heartbeat} s."),
        _("Você não precisa fazer nada: as notificações podem chegar alguns segundos depois."),
        _PROXY,
    ),
    "buffering.held": Text(
        _("Depois do primeiro evento nada mais chegou em {seconds} s: um proxy segura os dados."),
        _("Envie o relatório à equipe técnica. Até lá, a caixa consulta o servidor a cada 5 segundos."),
        _PROXY,
    ),
    "buffering.cut": Text(
        _("O fluxo foi cortado depois de {seconds} s."),
        _("Você não precisa fazer nada: a página reconecta sozinha. Se continuar, envie o relatório à equipe técnica."),
        _PROXY,
    ),
    # --- Ably
    "token.ok": Text(_("O servidor deu a permissão.")),
    "token.suspended": Text(
        _("O Ably está suspenso; tudo chega por SSE."),
        _("Você não precisa fazer nada. Nada se perde; o Ably volta automaticamente."),
        _("Veja /health/ably e o disjuntor na administração; `manage.py ably_check` diz o que falta."),
    ),
    "token.throttled": Text(
        _("Muitas permissões foram pedidas em pouco tempo."),
        _("Aguarde um minuto e verifique de novo."),
        _("Se ocorre sem motivo: ABLY_TOKENS_PER_MINUTE."),
    ),
    "token.refused": Text(
        _("O servidor negou a permissão (resposta {status})."),
        _STILL_SSE,
        _("Veja os logs do servidor e a auditoria na administração."),
    ),
    "sdk.ok": Text(_("A biblioteca foi carregada.")),
    "sdk.blocked": Text(
        _("A biblioteca do Ably não carregou."),
        _("Desligue bloqueadores de anúncios neste site e recarregue."),
        _("Veja se /static/ably/ably.min.js é servido: `script/bootstrap` e `manage.py collectstatic`."),
    ),
    "connection.ok": Text(_("Conectado em {ms} ms.")),
    "connection.slow": Text(
        _("A conexão demorou {ms} ms; até lá, as notificações vêm por SSE."),
        _("Você não precisa fazer nada: nada se perde."),
        _("Veja a rede até o Ably: inspeção de TLS ou proxy lento."),
    ),
    "connection.refused": Text(
        _("O Ably recusou a conexão (código {code})."),
        _STILL_SSE,
        _("401xx: ABLY_API_KEY não é aceita; 4011x: limite da conta; `manage.py ably_check` diz o que falta."),
    ),
    "connection.blocked": Text(
        _("O Ably não foi alcançado a partir deste computador (código {code})."),
        _STILL_SSE,
        _FIREWALL,
    ),
    "channels.ok": Text(_("Todos os canais estão abertos: {attached} de {wanted}.")),
    "channels.late": Text(
        _("Só {attached} de {wanted} canais abriram a tempo."),
        _STILL_SSE,
        _("Veja o estado do Ably e os limites da conta (canais por conexão)."),
    ),
    "channels.refused": Text(
        _("Só {attached} de {wanted} canais abriram; o Ably recusou os outros (código {code})."),
        _RELOAD,
        _("40160: a chave em ABLY_API_KEY não permite assinar os canais; veja as capacidades dela no painel do Ably."),
    ),
    "keys.ok": Text(_("As mensagens recentes foram abertas com as chaves daqui. Canais: {channels}.")),
    "keys.unproven": Text(_("Nada foi enviado nos últimos minutos: não houve o que abrir.")),
    "keys.forged": Text(
        _("Chegaram mensagens que o servidor não assinou, e nenhuma foi mostrada. Canais: {channels}."),
        _("Envie o relatório à equipe técnica. As suas notificações chegam mesmo assim."),
        _(
            "SIGNING_KEYS precisa ser igual em todos os processos. Se é, alguém publica no Ably com a nossa chave: "
            "troque ABLY_API_KEY."
        ),
    ),
    "keys.wrong": Text(
        _("Há mensagens que não abrem com as chaves daqui. Canais: {channels}."),
        _("Você não precisa fazer nada: a página busca no servidor o que não abre, um pouco depois."),
        _("ENCRYPTION_SECRET precisa ser igual em todos os processos, web e despachante."),
    ),
    # --- The browser
    "secure.ok": Text(_("O navegador oferece à página tudo o que ela usa.")),
    "secure.missing": Text(
        _(
            "A página não está em https. O navegador não oferece: Ably (tudo chega por SSE), uma conexão para todas as "
            "abas, avisos do navegador, som em uma aba só e o botão de copiar. Nenhuma notificação se perde."
        ),
        _("Abra o site pelo endereço que começa com https://, se houver."),
        _("Sirva o site por TLS: fora de localhost o navegador só oferece isso em https."),
    ),
    "tabs.ok": Text(_("As abas combinam entre si: uma conexão para todas.")),
    "tabs.insecure": Text(
        _(
            "A página não está em https: cada aba abre a sua conexão. As que passam do limite consultam a cada "
            "5 segundos."
        ),
        _("Abra o site pelo endereço que começa com https://, ou use poucas abas."),
        _("Sirva o site por TLS: Web Locks só existem em https."),
    ),
    "tabs.missing": Text(
        _("Este navegador não deixa as abas combinarem entre si: cada uma abre a sua conexão."),
        _("Atualize o navegador, saia do modo privado ou use poucas abas."),
    ),
    "storage.ok": Text(_("O navegador guarda dados deste site.")),
    "storage.blocked": Text(
        _("O navegador não guarda dados deste site: preferências se perdem ao fechar."),
        _("Permita cookies e dados de sites para este endereço."),
    ),
}
