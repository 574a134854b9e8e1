"""A source may be held by nobody: when its reporter erases what was rejected as spam or false."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("source_hold") as batch:  # SQLite copies the table, which is small and holds no place
        batch.alter_column("held_by_id", existing_type=sa.Integer(), nullable=True)


def downgrade():
    op.execute("DELETE FROM source_hold WHERE held_by_id IS NULL")
    with op.batch_alter_table("source_hold") as batch:
        batch.alter_column("held_by_id", existing_type=sa.Integer(), nullable=False)
