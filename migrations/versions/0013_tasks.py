"""Volunteers' tasks with their answers, translations beside the original, and the gazetteer."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0008"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade():
    op.add_column("report", sa.Column("translation", sa.String(), nullable=True))
    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("holder_id", sa.Integer(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("value", JSON, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_task_report_id_report")),
        sa.ForeignKeyConstraint(["holder_id"], ["account.id"], name=op.f("fk_task_holder_id_account")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["account.id"], name=op.f("fk_task_decided_by_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("report_id", "kind", name=op.f("uq_task_report_id_kind")),
    )
    op.create_index("ix_task_queue", "task", ["state", "kind", "priority", "id"])
    op.create_index("ix_task_result", "task", ["result", "kind"])
    waits = sa.text("state IN ('open', 'taken')")
    op.create_index("ix_task_waiting", "task", ["priority", "id"], sqlite_where=waits, postgresql_where=waits)
    op.create_index(op.f("ix_task_holder_id"), "task", ["holder_id"])
    op.create_table(
        "task_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("practice", sa.String(), nullable=True),
        sa.Column("good", sa.Boolean(), nullable=True),
        sa.Column("off_m", sa.Double(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_answer_task_id_task")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_task_answer_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_answer")),
        sa.UniqueConstraint("task_id", "account_id", name=op.f("uq_task_answer_task_id_account_id")),
    )
    op.create_index("ix_task_answer_account", "task_answer", ["account_id", "at"])
    op.create_table(
        "volunteer",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("languages", JSON, nullable=False),
        sa.Column("unlocked", JSON, nullable=False),
        sa.Column("may_call", sa.Boolean(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("practised", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE", name=op.f("fk_volunteer_account_id_account")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_volunteer")),
    )
    op.create_table(
        "place_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["added_by_id"], ["account.id"], name=op.f("fk_place_file_added_by_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_file")),
        sa.UniqueConstraint("name", name=op.f("uq_place_file_name")),
    )
    op.create_table(
        "place",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("aliases", JSON, nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("radius_m", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["place_file.id"], ondelete="CASCADE", name=op.f("fk_place_file_id_place_file")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place")),
    )
    op.create_index(op.f("ix_place_file_id"), "place", ["file_id"])
    op.create_table(
        "place_name",
        sa.Column("place_id", sa.Integer(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], ondelete="CASCADE", name=op.f("fk_place_name_place_id_place")),
        sa.PrimaryKeyConstraint("place_id", "folded", name=op.f("pk_place_name")),
    )
    op.create_index("ix_place_name_folded", "place_name", ["folded"])


def downgrade():
    for table in ("place_name", "place", "place_file", "volunteer", "task_answer", "task"):
        op.drop_table(table)
    op.drop_column("report", "translation")
