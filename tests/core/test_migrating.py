from __future__ import annotations

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, migrations, models
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from paperclip.core.migrating import Together, bundle_plan, bundled

TABLE = "brooms_broom"
MADE = migrations.CreateModel("Broom", [("id", models.AutoField(primary_key=True))])
ADDED = [
    migrations.AddField("broom", "length", models.IntegerField(default=1)),
    migrations.AddField("broom", "colour", models.CharField(max_length=20, default="red")),
    migrations.AddField("broom", "handle", models.ForeignKey("brooms.Broom", models.CASCADE, null=True)),
    migrations.AddIndex("broom", models.Index(fields=["length"], name="brooms_by_length")),
    migrations.AddConstraint(
        "broom", models.CheckConstraint(condition=models.Q(length__gt=0), name="brooms_have_length")
    ),
]


def state() -> ProjectState:
    made = ProjectState()
    MADE.state_forwards("brooms", made)
    return made


@pytest.mark.django_db
def test_additions_are_made_together():
    before, after, together = state(), state(), Together(ADDED)
    together.state_forwards("brooms", after)
    with connection.schema_editor() as editor:
        editor.create_model(before.apps.get_model("brooms", "Broom"))
        together.database_forwards("brooms", editor, before, after)
    with connection.cursor() as cursor:
        columns = {column.name for column in connection.introspection.get_table_description(cursor, TABLE)}
        constraints = connection.introspection.get_constraints(cursor, TABLE)
    assert columns == {"id", "length", "colour", "handle_id"}
    assert {"brooms_by_length", "brooms_have_length"} <= set(constraints)
    assert any(found["foreign_key"] == (TABLE, "id") for found in constraints.values())


def test_the_state_is_that_of_the_operations_one_by_one():
    one_by_one, together = state(), state()
    for operation in ADDED:
        operation.state_forwards("brooms", one_by_one)
    assert not hasattr(together.apps.get_model("brooms", "Broom"), "colour"), "there is a picture already"
    Together(ADDED).state_forwards("brooms", together)
    assert together == one_by_one
    assert hasattr(together.apps.get_model("brooms", "Broom"), "colour")


def test_only_plain_additions_that_follow_each_other_are_bundled():
    concurrent = AddIndexConcurrently("broom", models.Index(fields=["length"], name="brooms_by_length"))
    change = migrations.RunSQL("SELECT 1")
    found = bundled([MADE, *ADDED[:2], change, ADDED[2], concurrent, ADDED[3]])
    assert [type(operation) for operation in found] == [
        migrations.CreateModel, Together, migrations.RunSQL, Together, AddIndexConcurrently, Together,
    ]  # fmt: skip
    assert [operation.operations for operation in found if isinstance(operation, Together)] == [
        ADDED[:2],
        [ADDED[2]],
        [ADDED[3]],
    ]
    assert found[0] is MADE
    assert bundled(found) == found


def test_a_way_back_is_left_as_it_is():
    there, back = Migration("0001", "brooms"), Migration("0002", "brooms")
    there.operations, back.operations = list(ADDED), list(ADDED)
    bundle_plan(plan=[(there, False), (back, True)])
    assert [type(operation) for operation in there.operations] == [Together]
    assert back.operations == ADDED
