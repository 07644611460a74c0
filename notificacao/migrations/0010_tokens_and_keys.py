"""Tokens and keys: the audit trail, what is to be revoked, the keys' renewal, ids that are safe in names."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('notificacao', '0003_log_home'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True, default=django.utils.timezone.now, verbose_name='quando')),
                ('action', models.CharField(choices=[('token_issued', 'Token do Ably emitido'), ('token_refused', 'Token do Ably recusado'), ('tokens_revoked', 'Tokens do Ably revogados')], max_length=32, verbose_name='o quê')),
                ('who', models.CharField(blank=True, db_index=True, default='', max_length=64, verbose_name='quem')),
                ('ip', models.GenericIPAddressField(null=True, verbose_name='de onde')),
                ('reason', models.CharField(blank=True, default='', max_length=100, verbose_name='motivo')),
                ('data', models.JSONField(default=dict, verbose_name='dados')),
            ],
            options={
                'verbose_name': 'evento de auditoria',
                'verbose_name_plural': 'auditoria',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='Revocation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('target', models.CharField(db_index=True, max_length=100)),
                ('reason', models.CharField(max_length=32)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('issued_before', models.BigIntegerField(null=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('try_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('done_at', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, default='', max_length=300)),
            ],
        ),
        migrations.AddField(
            model_name='channel',
            name='key_renewed_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name='benefittype',
            constraint=models.CheckConstraint(condition=models.Q(('slug__regex', '\\A[A-Za-z0-9_-]{1,64}\\Z')), name='benefit_named_safely', violation_error_message='Use de 1 a 64 letras sem acento, algarismos, hífens ou sublinhados.'),
        ),
        migrations.AddConstraint(
            model_name='person',
            constraint=models.CheckConstraint(condition=models.Q(('public_id__regex', '\\A[A-Za-z0-9_-]{1,64}\\Z')), name='person_named_safely', violation_error_message='Use de 1 a 64 letras sem acento, algarismos, hífens ou sublinhados.'),
        ),
        migrations.AddConstraint(
            model_name='unit',
            constraint=models.CheckConstraint(condition=models.Q(('public_id__regex', '\\A[A-Za-z0-9_-]{1,64}\\Z')), name='unit_named_safely', violation_error_message='Use de 1 a 64 letras sem acento, algarismos, hífens ou sublinhados.'),
        ),
        migrations.AddIndex(
            model_name='revocation',
            index=models.Index(condition=models.Q(('done_at__isnull', True)), fields=['try_at'], name='revocation_to_do'),
        ),
    ]
