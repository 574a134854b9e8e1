"""Decisions of moderators on single marks in a report's words, and all that is public made again: more kinds of marks are
masked than before.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
JOB = sa.table(
    "job", sa.column("name", sa.String()), sa.column("args", JSON), sa.column("state", sa.String()),
    sa.column("due_at", sa.DateTime(timezone=True)), sa.column("attempts", sa.Integer()),
)  # fmt: skip


def upgrade():
    op.add_column("report", sa.Column("mark_choices", JSON, nullable=True))
    if op.get_bind().scalar(sa.text("SELECT 1 FROM report LIMIT 1")):
        row = {"name": "project_all", "args": {"after": 0}, "state": "waiting", "due_at": datetime.now(UTC), "attempts": 0}
        op.execute(JOB.insert().values(row))


def downgrade():
    op.drop_column("report", "mark_choices")
