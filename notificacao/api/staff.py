"""Decide who may make staff's calls."""

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from notificacao.api.problems import Problem
from notificacao.conf import conf


def demand_staff(request, permission: str) -> None:
    """Let only staff with `permission` of this app go on, and with ADMIN_OTP only after the second factor.

    Raises PermissionDenied or Problem.
    """
    if not (request.user.is_staff and request.user.has_perm(f"notificacao.{permission}")):
        raise PermissionDenied
    demand_second_factor(request)


def demand_second_factor(request) -> None:
    """Let go on, with ADMIN_OTP, only after the second factor. Raises Problem."""
    if conf.ADMIN_OTP and not request.user.is_verified():
        detail = _("Entre na administração com o segundo fator e tente de novo.")
        raise Problem(403, "second_factor_required", detail)
