"""Triage rules and what they did, who wants attention, sources that are held or were hidden; who sent a message.

Messages that were here before have no time of arrival: they count in no flood.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SENT_BY = ("source_hash", "device_hash", "account_id", "organisation")


def foreign(table, column, target, **options):
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"), **options)


def upgrade():
    op.add_column("submission", sa.Column("account_id", sa.Integer(), nullable=True))
    op.add_column("submission", sa.Column("organisation", sa.String(), nullable=True))
    op.add_column("submission", sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True))
    for name in SENT_BY:
        op.create_index(f"ix_submission_{name}", "submission", [name, "id"])
    op.add_column("decision", sa.Column("rule_id", sa.Integer(), nullable=True))
    op.create_table(
        "rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("conditions", JSON, nullable=False),
        sa.Column("effects", JSON, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        foreign("rule", "created_by_id", "account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
    )
    op.create_table(
        "rule_application",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("effects", JSON, nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        foreign("rule_application", "rule_id", "rule"),
        foreign("rule_application", "report_id", "report"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_application")),
    )
    op.create_index("ix_rule_application_rule_id", "rule_application", ["rule_id"])
    op.create_index("ix_rule_application_report_id", "rule_application", ["report_id"])
    op.create_table(
        "attention",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("escalated_reason", sa.String(), nullable=True),
        sa.Column("assigned_to_id", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        foreign("attention", "report_id", "report"),
        foreign("attention", "assigned_to_id", "account"),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_attention")),
    )
    op.create_index("ix_attention_assigned_to_id", "attention", ["assigned_to_id"])
    op.create_table(
        "source_hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("held_by_id", sa.Integer(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by_id", sa.Integer(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        foreign("source_hold", "held_by_id", "account"),
        foreign("source_hold", "released_by_id", "account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_hold")),
    )
    op.create_index("ix_source_hold_key", "source_hold", ["key", "kind"])
    op.create_table(
        "source_sweep",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        foreign("source_sweep", "account_id", "account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_sweep")),
    )
    op.create_index("ix_source_sweep_key", "source_sweep", ["key", "kind"])
    op.create_table(
        "swept_report",
        sa.Column("sweep_id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("was", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True),
        foreign("swept_report", "sweep_id", "source_sweep"),
        foreign("swept_report", "report_id", "report"),
        sa.PrimaryKeyConstraint("sweep_id", "report_id", name=op.f("pk_swept_report")),
    )


def downgrade():
    for table in ("swept_report", "source_sweep", "source_hold", "attention", "rule_application", "rule"):
        op.drop_table(table)
    op.drop_column("decision", "rule_id")
    for name in SENT_BY:
        op.drop_index(f"ix_submission_{name}", table_name="submission")
    for name in ("arrived_at", "organisation", "account_id"):
        op.drop_column("submission", name)
