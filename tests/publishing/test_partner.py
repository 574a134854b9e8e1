"""What partners see keeps step with what the public sees: stricter at once, and there after an upgrade."""

from sqlalchemy import delete, select

from crowdmap.jobs import work_once
from crowdmap.operate import check_partners
from crowdmap.publishing import policy
from crowdmap.publishing.models import Audience, Publication, PublicationCategory
from crowdmap.reports.models import Policy
from tests.builders import PORT_AU_PRINCE, make_account, make_report


def partner_row(session, report):
    query = select(Publication).where(Publication.report_id == report.id, Publication.audience == Audience.PARTNER)
    return session.scalar(query.execution_options(populate_existing=True))


def stricter(session, code, new):
    values = {"policy": new}
    changed = policy.change(session, make_account("coordinator"), code, **values)
    session.commit()
    return changed


def test_a_stricter_policy_takes_partners_rows_away_at_once_and_makes_them_again_as_it_allows(session):
    road = make_report(category="ROAD", kind="damage")
    sure = make_report(category="ROAD", kind="damage", verification="verified")
    assert stricter(session, "ROAD", Policy.TILE).removed == 2
    for report in (road, sure):
        row = partner_row(session, report)
        assert (row.removed, row.lon, row.feature, row.search_text) == ("removed", None, None, "")
    while work_once(session):
        pass
    assert partner_row(session, road).precision_m > 400
    assert (partner_row(session, sure).lon, partner_row(session, sure).lat) == PORT_AU_PRINCE
    stricter(session, "ROAD", Policy.RESTRICTED)
    while work_once(session):
        pass
    assert {partner_row(session, report).removed for report in (road, sure)} == {"removed"}
    session.rollback()


def test_the_strictest_of_a_tree_counts_and_a_point_goes_with_its_verification(session):
    root = make_report(category="WAT", kind="need", verification="verified")
    assert partner_row(session, root).lon == PORT_AU_PRINCE[0]
    root.verification = "disputed"
    session.commit()
    assert partner_row(session, root).lon != PORT_AU_PRINCE[0]
    root.verification = "verified"
    child = make_report(category="MISS")
    child.merged_into_id = root.id
    session.commit()
    assert partner_row(session, root).removed == "removed"
    session.rollback()


def test_after_an_upgrade_republish_makes_what_partners_see_and_doctor_says_so(session):
    make_report(category="WAT")
    make_report(category="MISS")
    assert check_partners() is None
    public = select(Publication.seq).where(Publication.audience == Audience.PUBLIC)
    before = session.scalars(public).all()
    gone = select(Publication.id).where(Publication.audience == Audience.PARTNER)
    session.execute(delete(PublicationCategory).where(PublicationCategory.publication_id.in_(gone)))
    session.execute(delete(Publication).where(Publication.audience == Audience.PARTNER))
    session.commit()
    assert "crowdmap republish" in check_partners()
    session.rollback()
    assert policy.republish(session) == (2, 1)
    assert check_partners() is None and session.scalars(public).all() == before
    assert policy.republish(session) == (2, 0)
