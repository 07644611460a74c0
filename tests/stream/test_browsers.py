"""A browser is called what its person would call it."""

import pytest

from notificacao.stream.browsers import name_of

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME, "Chrome no Windows"),
        (f"{CHROME} Edg/131.0", "Edge no Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox no Linux"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome no Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1", "Safari no iPhone"),
        ("curl/8.5", "outro navegador"),
        ("", "outro navegador"),
        ("<script>" * 10_000, "outro navegador"),
    ],
)
def test_a_name_is_two_words_that_are_ours_whatever_was_sent(user_agent, name):
    assert name_of(user_agent) == name
