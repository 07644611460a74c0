"""More in the audit trail; the table itself refuses to change what is written."""

from django.db import migrations, models


REFUSE = {
    "sqlite": [
        "CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON notificacao_auditevent "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON notificacao_auditevent "
        "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()",
    ],
}
ALLOW = {
    "sqlite": ["DROP TRIGGER audit_is_append_only"],
    "postgresql": ["DROP TRIGGER audit_is_append_only ON notificacao_auditevent", "DROP FUNCTION audit_is_append_only"],
}


def run(statements):
    def on_this_database(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return on_this_database


class Migration(migrations.Migration):

    dependencies = [
        ('notificacao', '0030_rollout_plan'),
    ]

    operations = [
        migrations.AlterField(
            model_name='auditevent',
            name='action',
            field=models.CharField(choices=[('token_issued', 'Token do Ably emitido'), ('token_refused', 'Token do Ably recusado'), ('tokens_revoked', 'Tokens do Ably revogados'), ('producer_sent', 'Sistema produtor enviou'), ('producer_refused', 'Sistema produtor recusado'), ('producer_changed', 'Sistema produtor alterado'), ('key_issued', 'Chave de produtor emitida'), ('key_revoked', 'Chave de produtor revogada'), ('rollout_changed', 'Transição alterada'), ('stream_refused', 'Fluxo recusado'), ('access_denied', 'Acesso negado'), ('logged_in', 'Entrada'), ('login_failed', 'Entrada recusada'), ('alarm_raised', 'Alerta de acessos negados'), ('notification_sent', 'Notificação enviada na administração'), ('sent_again', 'Notificação enviada novamente'), ('role_given', 'Poder concedido'), ('audit_exported', 'Auditoria exportada'), ('person_exported', 'Dados de pessoa exportados'), ('person_erased', 'Dados de pessoa eliminados'), ('personal_data_sent', 'Dado pessoal enviado a canal compartilhado')], max_length=32, verbose_name='o quê'),
        ),
        migrations.RunPython(run(REFUSE), run(ALLOW)),
    ]
