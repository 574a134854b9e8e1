"""Evidence under each grade, its kinds beside the grade, and categories that ask for two people.

No grade changes: whatever has one gets the piece of evidence that makes it, from the decision that gave it last: what a
moderator verified counts as checked by them, what came verified in a file as verified by its source. Run
``crowdmap republish`` once, so that the feeds tell the reason.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

FIXED = "report_id, kind, account_id, organisation, sources, note, at"

# A grade, the kind of evidence that makes it where a decision gave it and where none did, and for how many sources it stands
GRADES = (
    ("verified", "verify", "checked", "import", 1),
    ("corroborated", "corroborate", "source", "source", 2),
    ("disputed", "dispute", "contradiction", "contradiction", 1),
)


def upgrade():
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("organisation", sa.String(), nullable=True),
        sa.Column("sources", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by_id", sa.Integer(), nullable=True),
        sa.Column("withdrawn_why", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_evidence_account_id_account")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_evidence_report_id_report")),
        sa.ForeignKeyConstraint(["withdrawn_by_id"], ["account.id"], name=op.f("fk_evidence_withdrawn_by_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_report_id"), "evidence", ["report_id"])
    op.add_column("report", sa.Column("verification_reason", sa.String(), nullable=True))
    op.add_column("category", sa.Column("two_people", sa.Boolean(), nullable=False, server_default=sa.false()))
    fill()
    guard()


def fill():
    """One row for each report with a grade, from the latest decision that gave it."""
    for grade, action, decided, brought, sources in GRADES:
        op.execute(
            "INSERT INTO evidence (report_id, kind, account_id, sources, note, at) "
            f"SELECT r.id, CASE WHEN d.id IS NULL THEN '{brought}' ELSE '{decided}' END, d.account_id, {sources}, "
            "COALESCE(NULLIF(d.evidence, ''), NULLIF(d.reason, ''), ''), COALESCE(d.at, r.created_at) "
            "FROM report r LEFT JOIN decision d ON d.id = "
            f"(SELECT max(l.id) FROM decision l WHERE l.report_id = r.id AND l.action = '{action}') "
            f"WHERE r.verification = '{grade}' ORDER BY r.id"
        )
    op.execute(
        "UPDATE report SET verification_reason = (SELECT e.kind FROM evidence e WHERE e.report_id = report.id) "
        "WHERE verification <> 'unverified'"
    )


def guard():
    """What somebody recorded is withdrawn, never rewritten or thrown away, not even by a slip of ours."""
    if op.get_bind().dialect.name == "sqlite":
        for verb, name in (("DELETE", "delete"), (f"UPDATE OF {FIXED}", "update")):
            op.execute(
                f"CREATE TRIGGER evidence_no_{name} BEFORE {verb} ON evidence "
                "BEGIN SELECT RAISE(ABORT, 'evidence only grows'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER evidence_only_grows BEFORE DELETE OR UPDATE OF {FIXED} ON evidence "
        "FOR EACH ROW EXECUTE FUNCTION only_grows()"
    )


def downgrade():
    op.drop_table("evidence")
    op.drop_column("category", "two_people")
    op.drop_column("report", "verification_reason")
