"""Producers, their keys, answers that are kept; what no row of the log may hold, however it is written."""

import datetime
import django.db.models.deletion
import django.db.models.functions.datetime
import notificacao.models.notification
import notificacao.models.producer
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notificacao', '0012_canary_and_channels'),
    ]

    operations = [
        migrations.CreateModel(
            name='ProducerKey',
            fields=[
                ('id', models.CharField(editable=False, max_length=150, primary_key=True, serialize=False, unique=True)),
                ('prefix', models.CharField(editable=False, max_length=8, unique=True)),
                ('hashed_key', models.CharField(editable=False, max_length=150)),
                ('created', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('name', models.CharField(help_text='Onde fica guardada: «servidor de benefícios».', max_length=50, verbose_name='nome')),
                ('revoked', models.BooleanField(default=False, verbose_name='revogada')),
                ('expiry_date', models.DateTimeField(default=notificacao.models.producer.a_year_ahead, verbose_name='vale até')),
                ('last_used_at', models.DateTimeField(editable=False, help_text='Com precisão de um minuto.', null=True, verbose_name='usada em')),
            ],
            options={
                'verbose_name': 'chave de produtor',
                'verbose_name_plural': 'chaves de produtores',
                'ordering': ('-created',),
                'abstract': False,
            },
        ),
        migrations.AlterModelOptions(
            name='notification',
            options={'permissions': [('send_personal_data', 'Pode enviar dado pessoal a canais compartilhados')], 'verbose_name': 'notificação', 'verbose_name_plural': 'notificações'},
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='action',
            field=models.CharField(choices=[('token_issued', 'Token do Ably emitido'), ('token_refused', 'Token do Ably recusado'), ('tokens_revoked', 'Tokens do Ably revogados'), ('producer_sent', 'Sistema produtor enviou'), ('producer_refused', 'Sistema produtor recusado'), ('producer_changed', 'Sistema produtor alterado'), ('key_issued', 'Chave de produtor emitida'), ('key_revoked', 'Chave de produtor revogada'), ('personal_data_sent', 'Dado pessoal enviado a canal compartilhado')], max_length=32, verbose_name='o quê'),
        ),
        migrations.AlterField(
            model_name='notification',
            name='data',
            field=notificacao.models.notification.DataField(blank=True, default=dict, verbose_name='dados'),
        ),
        migrations.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.CharField(max_length=80)),
                ('key', models.CharField(max_length=255)),
                ('fingerprint', models.CharField(max_length=64)),
                ('answer', models.JSONField(null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'key'), name='one_answer_a_key')],
            },
        ),
        migrations.CreateModel(
            name='Producer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=40, unique=True, verbose_name='identificador')),
                ('name', models.CharField(max_length=100, verbose_name='nome')),
                ('is_active', models.BooleanField(default=True, help_text='Desligado, nenhuma de suas chaves vale.', verbose_name='ativo')),
                ('events', models.JSONField(blank=True, default=list, verbose_name='eventos do catálogo')),
                ('kinds', models.JSONField(blank=True, default=list, verbose_name='tipos')),
                ('to_people', models.BooleanField(default=False, verbose_name='a pessoas')),
                ('to_units', models.BooleanField(default=False, verbose_name='a unidades')),
                ('to_benefits', models.BooleanField(default=False, verbose_name='a benefícios')),
                ('to_everybody', models.BooleanField(default=False, verbose_name='a todos')),
                ('units', models.ManyToManyField(blank=True, help_text='Só a estas, e a pessoas que não sejam de outras. Nenhuma: a todas.', related_name='+', to='notificacao.unit', verbose_name='unidades')),
            ],
            options={
                'verbose_name': 'sistema produtor',
                'verbose_name_plural': 'sistemas produtores',
                'ordering': ['slug'],
            },
        ),
        migrations.AddField(
            model_name='notification',
            name='producer',
            field=models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='notificacao.producer', verbose_name='sistema produtor'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.CheckConstraint(condition=models.Q(('link', ''), ('link__startswith', '/'), ('link__startswith', 'https://'), _connector='OR'), name='notification_link_runs_nothing'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__lt', datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='notification_can_be_read'),
        ),
        migrations.AddField(
            model_name='producerkey',
            name='producer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='notificacao.producer', verbose_name='sistema produtor'),
        ),
    ]
