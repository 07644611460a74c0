"""A town of any size in PostgreSQL, written by a few statements: people, units, a log of 150 days, reading state."""

from django.db import connection, transaction

ANA, GIL, CHEFE = "ana", "gil", "chefe"  # of a unit of thirty; of every unit; the superuser who looks
NEIGHBOURS = 30  # people in ana's unit, however many there are elsewhere
RECENT = 5_000  # rows beyond everybody's marks
WORD = "agulha"

_TABLES = "person, unit, benefittype, channel, auditlink, auditevent, figureminute, streamchange, producer"

_PEOPLE = """
INSERT INTO notificacao_person (password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
    date_joined, public_id, since)
SELECT '!', n = 2, CASE n WHEN 0 THEN 'ana' WHEN 1 THEN 'gil' WHEN 2 THEN 'chefe' ELSE 'p' || n END,
    'Nome' || n % 997, 'Sobrenome' || n, '', n = 2, true, now(), 'person-' || n, 0
FROM generate_series(0, {people} - 1) AS n
"""
_UNITS = """
INSERT INTO notificacao_unit (public_id, code, name, sigla, kind, status)
SELECT 'unit-' || n, 'U' || n, 'Unidade ' || n, '', 'outro', 'ativa' FROM generate_series(0, {units} - 1) AS n
"""
_MEMBERS = """
INSERT INTO notificacao_membership (person_id, role, unit_id, since, created_at)
SELECT p.id, CASE WHEN p.n = 1 THEN 'GESTOR' ELSE 'TECNICO' END, CASE WHEN p.n <> 1 THEN u.id END, 0, now()
FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM notificacao_person) AS p
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM notificacao_unit) AS u
ON u.n = CASE WHEN p.n < {neighbours} THEN 0 ELSE 1 + p.n % ({units} - 1) END
WHERE p.n <> 2
"""
# Of a thousand rows one is ana's, 599 are other people's, 300 units', 99 a benefit's, one is everybody's.
_ROWS = """
INSERT INTO notificacao_notification (public_id, event_id, channel, kind, priority, title, message, link, data,
    created_at, seq, prev_seq, stamped_at, dispatch_state, lease, attempts, error, settled_at)
SELECT key, key, channel, CASE n % 100000 WHEN 7 THEN 'manutencao' ELSE 'solicitacao' END, 'normal',
    'Solicitação SOL-' || n, 'A solicitação SOL-' || n || ' está sob sua responsabilidade: verifique os documentos.',
    '', '{{}}', at, n, n - 1, at, CASE n % 100000 WHEN 77 THEN 'failed' ELSE 'skipped' END, '', 0, '', at
FROM (
    SELECT n, lpad(to_hex(n), 32, '0')::uuid AS key, now() - interval '150 days' * (1 - n::float8 / {rows}) AS at,
        CASE
            WHEN n % 1000 = 0 THEN 'private:user:person-0:notifications'
            WHEN n % 1000 = 999 THEN 'system:notifications'
            WHEN n % 10 < 6 THEN 'private:user:person-' || 1 + n / 10 * 7919 % ({people} - 1) || ':notifications'
            WHEN n % 10 < 9 THEN 'private:unit:unit-' || n / 10 % {units} || ':notifications'
            ELSE 'private:benefit:aluguel:notifications'
        END AS channel
    FROM generate_series(1, {rows}::bigint) AS n
) AS made
"""
_CHANNELS = """
INSERT INTO notificacao_channel (name, head, key_epoch)
SELECT channel, max(seq), 1 FROM notificacao_notification GROUP BY channel
"""
_RECEIPTS = """
INSERT INTO notificacao_receipt (person_id, notification_id, delivered_at, transport, latency_ms)
SELECT p.id, n.id, n.stamped_at, 'sse', 40 FROM notificacao_notification n
JOIN notificacao_person p ON n.channel = 'private:user:' || p.public_id || ':notifications' WHERE n.seq % 10 < 2
"""
_HEARD = """
INSERT INTO notificacao_receipt (person_id, notification_id, delivered_at, transport, latency_ms)
SELECT p.id, n.id, n.stamped_at, 'sse', 40 FROM notificacao_notification n, notificacao_person p
WHERE n.seq = (SELECT max(seq) FROM notificacao_notification WHERE channel = '{channel}') AND {who}
"""
_MARKS = """
INSERT INTO notificacao_readmark (person_id, channel, seq, before)
SELECT p.id, c.name, {seq}, 0 FROM notificacao_person p, notificacao_channel c
WHERE p.username IN ('ana', 'gil') AND c.name NOT LIKE 'private:user:%'
UNION ALL SELECT id, 'private:user:' || public_id || ':notifications', {seq}, 0 FROM notificacao_person
"""
_SPANS = """
INSERT INTO notificacao_connectionspan (person_id, process, live, standby, browsers, since, until)
SELECT p.id, 'old', 1, 0, '', now() - interval '1 day' * d, now() - interval '1 day' * d + interval '8 hours'
FROM notificacao_person p, generate_series(1, 20) AS d
"""
_TOKENS = """
INSERT INTO notificacao_auditevent (at, action, who, reason, data)
SELECT now() - interval '1 hour' * d, 'token_issued', p.public_id, '', '{{}}'
FROM notificacao_person p, generate_series(1, 5) AS d
"""


def build(people: int, units: int, rows: int) -> None:
    """Empty the database, and write so many of each; triggers are off, and indexes are built once, at the end."""
    sizes = {"people": people, "units": units, "rows": rows, "neighbours": NEIGHBOURS}
    tables = ", ".join(f"notificacao_{name}" for name in _TABLES.split(", "))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica; SET LOCAL maintenance_work_mem = '512MB'")
        cursor.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        _restore_what_truncating_took(cursor)
        for statement in (_PEOPLE, _UNITS, _MEMBERS):
            cursor.execute(statement.format(**sizes))
        cursor.execute("INSERT INTO notificacao_benefittype (slug, name) VALUES ('aluguel', 'Aluguel social')")
        _write_without_indexes(cursor, "notificacao_notification", _ROWS.format(**sizes))
        cursor.execute(_CHANNELS)
        _write_without_indexes(cursor, "notificacao_receipt", _RECEIPTS)
        for channel, who in (("private:unit:unit-0:notifications", "p.id <= 30"), ("system:notifications", "true")):
            cursor.execute(_HEARD.format(channel=channel, who=who) + " ON CONFLICT DO NOTHING")
        cursor.execute(_MARKS.format(seq=max(0, rows - RECENT)))
        for statement in (_SPANS, _TOKENS):
            cursor.execute(statement.format())
        cursor.execute("UPDATE notificacao_loghead SET seq = %s, trimmed_to = 0", [rows])
        cursor.execute("UPDATE notificacao_rolloutflag SET everyone = NULL, percent = 100 WHERE name = 'ably'")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def bytes_a_row() -> int:
    """Return how many bytes a notification takes, with its share of the indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_total_relation_size('notificacao_notification') / count(*) FROM notificacao_notification"
        )
        return int(cursor.fetchone()[0])


def _restore_what_truncating_took(cursor) -> None:
    """Write the rows that migrations wrote and that a cascade emptied."""
    for row in (
        "loghead (id, epoch, seq, trimmed_to, home) VALUES (1, 'ab12cd34', 0, 0, '') ON CONFLICT DO NOTHING",
        "breakerstate (name, state, reason, changed_at, forced) VALUES ('ably', 'closed', '', now(), '') "
        "ON CONFLICT (name) DO UPDATE SET state = 'closed'",
    ):
        cursor.execute(f"INSERT INTO notificacao_{row}")


def _write_without_indexes(cursor, table: str, statement: str) -> None:
    """Run `statement`, which fills `table`, without keeping its indexes, and build them anew."""
    cursor.execute(f"UPDATE pg_index SET indisready = false WHERE indrelid = '{table}'::regclass")
    cursor.execute(statement)
    cursor.execute(f"UPDATE pg_index SET indisready = true WHERE indrelid = '{table}'::regclass")
    cursor.execute(f"REINDEX TABLE {table}")
