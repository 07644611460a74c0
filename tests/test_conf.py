"""Settings as the app reads them: each looked up once, and never an old one."""

from notificacao.conf import conf


def test_a_setting_is_looked_up_once(settings):
    settings.STREAM_BUFFER = 1
    assert "STREAM_BUFFER" not in vars(conf)
    assert conf.STREAM_BUFFER == conf.STREAM_BUFFER == 1
    assert vars(conf)["STREAM_BUFFER"] == 1


def test_a_setting_that_changed_is_read_anew(settings):
    assert conf.STREAM_BUFFER != 7
    settings.STREAM_BUFFER = 7
    assert conf.STREAM_BUFFER == 7
    settings.STREAM_BUFFER = 8
    assert conf.STREAM_BUFFER == 8
