"""Letters of reporters from their tracking page, and voices that are taken back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("submission", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "letter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_letter_report_id_report")),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_letter_submission_id_submission")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter")),
    )
    op.create_index(op.f("ix_letter_report_id"), "letter", ["report_id"], unique=False)
    op.create_index(op.f("ix_letter_submission_id"), "letter", ["submission_id"], unique=False)


def downgrade():
    op.drop_index(op.f("ix_letter_submission_id"), table_name="letter")
    op.drop_index(op.f("ix_letter_report_id"), table_name="letter")
    op.drop_table("letter")
    op.drop_column("submission", "withdrawn_at")
