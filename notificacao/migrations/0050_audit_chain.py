"""The audit trail refuses to lose rows, and is chained; a membership only begins and ends."""

from django.db import migrations, models

DOOR = (
    "SELECT 1 FROM notificacao_auditlink WHERE event_id = OLD.id "
    "AND position <= (SELECT position FROM notificacao_auditanchor WHERE id = 1)"
)
MOVED = {
    "sqlite": "OLD.person_id IS NOT NEW.person_id OR OLD.role IS NOT NEW.role OR OLD.unit_id IS NOT NEW.unit_id",
    "postgresql": "OLD.person_id IS DISTINCT FROM NEW.person_id OR OLD.role IS DISTINCT FROM NEW.role "
    "OR OLD.unit_id IS DISTINCT FROM NEW.unit_id",
}
REFUSE = {
    "sqlite": [
        f"CREATE TRIGGER audit_loses_nothing BEFORE DELETE ON notificacao_auditevent WHEN NOT EXISTS ({DOOR}) "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
        "CREATE TRIGGER audit_replaces_nothing BEFORE INSERT ON notificacao_auditevent "
        "WHEN EXISTS (SELECT 1 FROM notificacao_auditevent WHERE id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
        "CREATE TRIGGER audit_waits_for_its_link AFTER INSERT ON notificacao_auditevent "
        "BEGIN INSERT INTO notificacao_auditlink (event_id, hash) VALUES (NEW.id, ''); END",
        f"CREATE TRIGGER membership_stays BEFORE UPDATE ON notificacao_membership WHEN {MOVED['sqlite']} "
        "BEGIN SELECT RAISE(ABORT, 'a membership only begins and ends'); END",
    ],
    "postgresql": [
        "CREATE FUNCTION audit_loses_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF NOT EXISTS ({DOOR}) THEN RAISE 'the audit trail is append-only'; END IF; RETURN OLD; END $$",
        "CREATE TRIGGER audit_loses_nothing BEFORE DELETE ON notificacao_auditevent "
        "FOR EACH ROW EXECUTE FUNCTION audit_loses_nothing()",
        "CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON notificacao_auditevent "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
        "CREATE FUNCTION audit_waits_for_its_link() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO notificacao_auditlink (event_id, hash) VALUES (NEW.id, ''); RETURN NULL; END $$",
        "CREATE TRIGGER audit_waits_for_its_link AFTER INSERT ON notificacao_auditevent "
        "FOR EACH ROW EXECUTE FUNCTION audit_waits_for_its_link()",
        "CREATE FUNCTION membership_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'a membership only begins and ends'; END $$",
        f"CREATE TRIGGER membership_stays BEFORE UPDATE ON notificacao_membership FOR EACH ROW "
        f"WHEN ({MOVED['postgresql']}) EXECUTE FUNCTION membership_stays()",
    ],
}
ALLOW = {
    "sqlite": [
        "DROP TRIGGER audit_loses_nothing",
        "DROP TRIGGER audit_replaces_nothing",
        "DROP TRIGGER audit_waits_for_its_link",
        "DROP TRIGGER membership_stays",
    ],
    "postgresql": [
        "DROP TRIGGER audit_is_not_emptied ON notificacao_auditevent",
        "DROP FUNCTION audit_loses_nothing CASCADE",
        "DROP FUNCTION audit_waits_for_its_link CASCADE",
        "DROP FUNCTION membership_stays CASCADE",
    ],
}
# What is there already waits for its link too.
BEGIN = [
    "INSERT INTO notificacao_auditanchor (id, position, hash) VALUES (1, 0, '')",
    "INSERT INTO notificacao_auditlink (event_id, hash) SELECT id, '' FROM notificacao_auditevent",
]


def refuse(apps, schema_editor):
    for statement in BEGIN + REFUSE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def allow(apps, schema_editor):
    for statement in ALLOW[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):

    dependencies = [
        ("notificacao", "0049_words_that_staff_see"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditAnchor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.BigIntegerField(default=0)),
                ("hash", models.CharField(blank=True, default="", max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="AuditLink",
            fields=[
                ("event_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("position", models.BigIntegerField(null=True, unique=True)),
                ("hash", models.CharField(blank=True, default="", max_length=64)),
            ],
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='action',
            field=models.CharField(choices=[('token_issued', 'Token do Ably emitido'), ('token_refused', 'Token do Ably recusado'), ('tokens_revoked', 'Tokens do Ably revogados'), ('producer_sent', 'Sistema produtor enviou'), ('producer_refused', 'Sistema produtor recusado'), ('producer_changed', 'Sistema produtor alterado'), ('key_issued', 'Chave de produtor emitida'), ('key_revoked', 'Chave de produtor revogada'), ('rollout_changed', 'Transição alterada'), ('stream_refused', 'Fluxo recusado'), ('access_denied', 'Acesso negado'), ('logged_in', 'Entrada'), ('login_failed', 'Entrada recusada'), ('alarm_raised', 'Alerta de acessos negados'), ('notification_sent', 'Notificação enviada na administração'), ('sent_again', 'Notificação enviada novamente'), ('role_given', 'Poder concedido'), ('account_changed', 'Conta alterada'), ('audit_exported', 'Auditoria exportada'), ('person_exported', 'Dados de pessoa exportados'), ('person_erased', 'Dados de pessoa eliminados'), ('personal_data_sent', 'Dado pessoal enviado a canal compartilhado')], max_length=32, verbose_name='o quê'),
        ),
        migrations.RunPython(refuse, allow),
    ]
