"""The links of the audit trail's chain are written once, as its events are, and its anchor follows retention alone."""

from django.db import migrations

LINKS, ANCHOR, EVENTS = "notificacao_auditlink", "notificacao_auditanchor", "notificacao_auditevent"
A_DAY_AGO = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 day')", "postgresql": "now() - interval '1 day'"}


def allowed(vendor):
    """Return `{(table, act): what must hold}`; the acts that are left out are never allowed."""
    taken = f"{LINKS} l JOIN {EVENTS} e ON e.id = l.event_id WHERE l.position > OLD.position"
    old_enough = f"{taken} AND l.position <= NEW.position AND e.at < {A_DAY_AGO[vendor]}"
    return {
        # A link takes its place once, beyond what retention took: a place before that would open its door.
        (LINKS, "UPDATE"): "OLD.position IS NULL AND NEW.event_id = OLD.event_id AND length(NEW.hash) = 64 "
        f"AND NEW.position > (SELECT position FROM {ANCHOR} WHERE id = 1) "
        f"AND NOT EXISTS (SELECT 1 FROM {LINKS} WHERE position = NEW.position)",
        (LINKS, "DELETE"): f"OLD.position <= (SELECT position FROM {ANCHOR} WHERE id = 1)",
        # An event brings its link by a trigger of its own. INSERT OR REPLACE would write over one.
        (LINKS, "INSERT"): "NEW.position IS NULL AND NEW.hash = '' "
        f"AND NOT EXISTS (SELECT 1 FROM {LINKS} WHERE event_id = NEW.event_id)",
        # It moves over links that are all there, with their events, none of which is of the last day.
        (ANCHOR, "UPDATE"): "NEW.id = OLD.id AND ((NEW.position = OLD.position AND NEW.hash = OLD.hash) OR "
        "(NEW.position > OLD.position "
        f"AND EXISTS (SELECT 1 FROM {LINKS} WHERE position = NEW.position AND hash = NEW.hash) "
        f"AND (SELECT count(*) FROM {old_enough}) = NEW.position - OLD.position))",
        (ANCHOR, "DELETE"): "false",
        (ANCHOR, "INSERT"): f"NEW.position = 0 AND NEW.id = 1 AND NOT EXISTS (SELECT 1 FROM {ANCHOR})",
    }


def name_of(table, act):
    return f"{table.removeprefix('notificacao_')}_{act.lower()}"


def refusals_of_sqlite():
    """Return `{trigger: the statement that creates it}`."""
    return {
        name_of(table, act): f"CREATE TRIGGER {name_of(table, act)} BEFORE {act} ON {table} WHEN ({holds}) IS NOT TRUE "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        for (table, act), holds in allowed("sqlite").items()
    }


def refusals_of_postgresql():
    """Yield the statements that create functions and triggers."""
    for (table, act), holds in allowed("postgresql").items():
        name = name_of(table, act)
        yield (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF ({holds}) IS NOT TRUE THEN RAISE 'the audit trail is append-only'; END IF; "
            f"RETURN {'OLD' if act == 'DELETE' else 'NEW'}; END $$"
        )
        yield f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    for table in (LINKS, ANCHOR):
        yield (
            f"CREATE TRIGGER {name_of(table, 'truncate')} BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        )


def refuse(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        statements = refusals_of_sqlite().values()
    else:
        statements = refusals_of_postgresql()
    for statement in statements:
        schema_editor.execute(statement)


def allow(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for table, act in allowed(vendor):
        name = name_of(table, act)
        schema_editor.execute(f"DROP TRIGGER {name}" if vendor == "sqlite" else f"DROP FUNCTION {name} CASCADE")
    if vendor == "postgresql":
        for table in (LINKS, ANCHOR):
            schema_editor.execute(f"DROP TRIGGER {name_of(table, 'truncate')} ON {table}")


class Migration(migrations.Migration):

    dependencies = [
        ("notificacao", "0055_cost"),
    ]

    operations = [
        migrations.RunPython(refuse, allow),
    ]
