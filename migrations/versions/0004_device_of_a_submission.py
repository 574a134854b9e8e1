"""The device a message came from, beside its sender: who gives a telephone number once and none the next time is one
source. Messages that were here before keep counting by their sender alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("submission", sa.Column("device_hash", sa.LargeBinary(), nullable=True))


def downgrade():
    op.drop_column("submission", "device_hash")
