"""Note of each channel's key, and of the one before it, from which seq on it was used."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notificacao', '0050_audit_chain'),
    ]

    operations = [
        migrations.AddField(
            model_name='channel',
            name='key_since',
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='channel',
            name='old_key_since',
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
