"""Build the ASGI application: the stream beside Django, behind Channels' routing."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path, re_path  # noqa: E402

from notificacao import tracing  # noqa: E402
from notificacao.server.runtime import runtime  # noqa: E402

application = runtime.around(
    ProtocolTypeRouter(
        {"http": URLRouter([path("api/v1/stream/", runtime.stream), re_path("", tracing.around(django_application))])},
    )
)
