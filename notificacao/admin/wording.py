"""Say in the admin, in the gender that Portuguese asks for, what was done to a row and what a list holds."""

from django.contrib import messages
from django.utils.text import capfirst


class Wording:
    """Word the messages and the list's heading of a ModelAdmin; put it before that in the bases.

    `feminine` tells the gender of the model's name; `heading` is the list's, its plural name where that is empty.
    """

    feminine = True
    heading = ""

    def changelist_view(self, request, extra_context=None):
        heading = self.heading or str(capfirst(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": heading, **(extra_context or {})})

    def response_add(self, request, obj, post_url_continue=None):
        return super().response_add(self._about(request, "criad"), obj, post_url_continue)

    def response_change(self, request, obj):
        return super().response_change(self._about(request, "alterad"), obj)

    def response_delete(self, request, obj_display, obj_id):
        return super().response_delete(self._about(request, "removid"), obj_display, obj_id)

    def message_user(self, request, message, level=messages.INFO, *args, **kwargs):
        """Say of what has just been done to a row what `_about` noted, and anything else as it is."""
        if level == messages.SUCCESS:
            message = request.__dict__.pop("_done", message)
        super().message_user(request, message, level, *args, **kwargs)

    def _about(self, request, participle):
        request._done = f"{capfirst(self.opts.verbose_name)} {participle}{'a' if self.feminine else 'o'}."
        return request
