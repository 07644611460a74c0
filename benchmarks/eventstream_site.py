"""django-eventstream as its documentation has it: one channel, and a view that sends what it is posted."""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django_eventstream"],
    LOGGING_CONFIG=None,
)

import django_eventstream  # noqa: E402 — it reads the settings when it is imported


@csrf_exempt
def publish(request) -> HttpResponse:
    if request.method == "POST":
        django_eventstream.send_event("bench", "message", {"text": request.body.decode()})
    return HttpResponse("ok", headers={"Content-Length": "2"})


urlpatterns = [path("pub", publish), path("sub", include(django_eventstream.urls), {"channels": ["bench"]})]
application = get_asgi_application()
