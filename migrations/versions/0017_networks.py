"""Of a message the network it came by is kept beside the device, as a keyed hash; of a hold on a device, and of who vouched, as well.

Of what is there already it is not known: a device was hashed together with the name of its program.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("submission", sa.Column("network_hash", sa.LargeBinary(), nullable=True))
    op.create_index("ix_submission_network_hash", "submission", ["network_hash", "id"])
    op.add_column("source_hold", sa.Column("network_hash", sa.LargeBinary(), nullable=True))
    op.create_table(
        "vouch_origin",
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("network_hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_vouch_origin_decision_id_decision")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_vouch_origin_report_id_report")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_vouch_origin")),
    )
    op.create_index("ix_vouch_origin_report_id", "vouch_origin", ["report_id"])


def downgrade():
    op.drop_table("vouch_origin")
    op.drop_column("source_hold", "network_hash")
    op.drop_index("ix_submission_network_hash", table_name="submission")
    op.drop_column("submission", "network_hash")
