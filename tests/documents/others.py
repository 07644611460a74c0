"""Name what the documents quote of others, so that nothing in this project can be held against it."""

OF_OTHERS: dict[str, tuple[str, ...]] = {
    "HTTP": ("Accept", "Allow", "Host", "Origin", "Referer", "application/x-www-form-urlencoded"),
    "browsers": ("crypto.subtle",),
    "a content security policy": ("'unsafe-inline'",),
    "Ably, its SDK and its dashboard": (
        "authCallback",
        "extras.headers",
        "json/utf-8/cipher+aes-256-cbc/base64",
        "resumed=false",
        "resumed=true",
        '{"resource": ["operation"]}',
        "Revocable tokens",
    ),
    "ids that are made up": ("kQ8…", "[…]", "а", "：", "＊"),
    "Django": ("auth.User", "bulk_update()", "process_request", "process_response", "sessionid", "user_logged_out"),
    "django-structlog": ("request_id", "user_id"),
    "proxies": ("X-Forwarded-For",),
    "nginx": (
        "$host",
        "$http_host",
        "$proxy_add_x_forwarded_for",
        "limit_conn",
        "server_name",
        "upstream",
        "worker_connections",
        "worker_rlimit_nofile",
    ),
    "pgbackrest": ("--target", "--target-action", "--type", "[semtas]", "repo2-type"),
    "Debian and OpenSSL": ("SSL_CERT_FILE=/etc/ssl/notificacoes.pem", "dpkg-reconfigure locales"),
    "Kubernetes": ("httpHeaders", "restricted", "ingress-nginx", "monitoring", "kustomization.yaml", "settings.env"),
    "objects of deploy/kubernetes": ("semtas", "semtas-notificacoes", "semtas-secrets", "web-tls"),
    "an image and Compose": ("HEALTHCHECK", "deploy/compose.env"),
    "GitHub's environments": ("KUBECONFIG", "SITE_URL", "SMOKE_KEY", "SMOKE_PASSWORD", "SMOKE_USER"),
    "PostgreSQL and SQLite": ("-wal", "-shm", "pg_dump"),
    "Prometheus and Alertmanager": (
        "/etc/prometheus",
        "/etc/prometheus/alertmanager.yml",
        "alertname=RedisAway",
        "external_labels",
        "increase",
        "severity=~nivel-[123]",
    ),
    "Playwright": ("wait_for_function",),
}


def named() -> frozenset[str]:
    return frozenset(text for group in OF_OTHERS.values() for text in group)
