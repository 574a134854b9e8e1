"""A task knows which words its round is about, and since when somebody has it; one answer of a person in each round.

Of tasks that were here before nobody knows the words: they are taken as they are when the task is given out next.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ONE_A_ROUND = ("uq_task_answer_task_id_account_id_round", ["task_id", "account_id", "round"])
ONE = ("uq_task_answer_task_id_account_id", ["task_id", "account_id"])


def upgrade():
    op.add_column("task", sa.Column("words", sa.LargeBinary(), nullable=True))
    op.add_column("task", sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True))
    _replace(ONE, ONE_A_ROUND)


def downgrade():
    newest = "SELECT max(id) FROM task_answer GROUP BY task_id, account_id"
    op.execute(f"DELETE FROM task_answer WHERE task_id IS NOT NULL AND id NOT IN ({newest})")
    _replace(ONE_A_ROUND, ONE)
    op.drop_column("task", "taken_at")
    op.drop_column("task", "words")


def _replace(old, new):
    """SQLite copies the table for it, which is not spatial and which nothing refers to."""
    with op.batch_alter_table("task_answer") as batch:
        batch.drop_constraint(old[0], type_="unique")
        batch.create_unique_constraint(*new)
