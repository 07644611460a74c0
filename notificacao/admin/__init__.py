"""Show staff the Django admin, one file per noun. Django's own model permissions alone decide who may do what."""

from django.contrib import admin

from notificacao.admin import (  # noqa: F401
    alert,
    audit,
    breaker,
    cost,
    groups,
    home,
    memberships,
    notification,
    own_password,
    people,
    presence,
    producer,
    rollout,
    rollout_plan,
    runbook,
    slo,
    units,
)
from notificacao.conf import conf
from notificacao.login import throttled

if conf.ADMIN_OTP:
    from notificacao.admin import second_factor

    second_factor.ask_for_it(admin.site)

admin.site.site_header = "SEMTAS Notificações"
admin.site.site_title = "SEMTAS"
admin.site.site_url = f"{conf.SCRIPT_NAME}/"
admin.site.index_title = "Administração"
admin.site.login = throttled(admin.site.login)
admin.site.password_change = own_password.change
admin.site.index_template = "admin/home/index.html"
admin.site.index = home.above(admin.site)
admin.site.get_urls = lambda: [*runbook.urls(admin.site), *admin.site.__class__.get_urls(admin.site)]
