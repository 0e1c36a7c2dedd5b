from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("companies", "0002_links")]

    operations = [
        # How often somebody did something in the present window (paperclip.core.throttle). Unlogged: losing it in a
        # crash costs nothing, and writing it costs little.
        migrations.RunSQL(
            """
            CREATE UNLOGGED TABLE rate_limits (
                name text PRIMARY KEY,
                window_started_at timestamptz NOT NULL,
                used integer NOT NULL
            )
            """,
            "DROP TABLE rate_limits",
        ),
    ]
