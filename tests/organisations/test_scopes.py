"""Scopes as the command line and the page give them: read, kept, said; what is odd is named."""

import pytest

from crowdmap.errors import ValidationFailed
from crowdmap.filters import Scope
from crowdmap.geo import Bbox
from crowdmap.organisations.scopes import KeyScope, parse_options
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Kind

WHOLE = ("layers=needs,damage", "sectors=wash", "areas=Jacmel,Léogâne", "bbox=-73,18,-72,19", "contact=yes")


def test_a_scope_is_read_kept_and_limits(session):
    scope = parse_options(WHOLE)
    assert scope.limits() == Scope((Kind.NEED, Kind.DAMAGE), ("wash",), ("Jacmel", "Léogâne"), Bbox(-73, 18, -72, 19))
    assert scope.precision is Audience.PARTNER and scope.contact
    assert KeyScope.from_json(scope.to_json()) == scope
    assert parse_options(["layers=damage", "layers=needs"]) == parse_options(["layers=needs, damage"])
    assert parse_options([]) == KeyScope() and KeyScope().limits() == Scope()
    session.rollback()


def test_what_it_opens_is_said(session):
    assert parse_options(WHOLE).sentence() == (
        "needs, damage · sector wash · in Jacmel, Léogâne · within -73,18,-72,19 · exact place of what is verified · may ask for contacts"
    )
    assert parse_options(["precision=public"]).sentence() == "all layers · places as the public sees them"
    session.rollback()


@pytest.mark.parametrize(("options", "field", "words"), [
    (["needs"], "scope", "NAME=VALUE"),
    (["colour=red"], "colour", "layers, sectors"),
    (["layers=roads"], "layers", "needs"),
    (["sectors=water"], "sectors", "wash"),
    (["areas=Paris"], "areas", "Jacmel"),
    (["bbox=1,2,3"], "bbox", "four numbers"),
    (["bbox=10,20,5,10"], "bbox", "north"),
    (["bbox=nan,1,2,3"], "bbox", "outside"),
    (["bbox=1,2,3,4", "bbox=5,6,7,8"], "bbox", "one value"),
    (["precision=staff"], "precision", "partner or public"),
    (["precision=metres"], "precision", "partner or public"),
    (["contact=please"], "contact", "yes or no"),
    (["contact=yes", "precision=public"], "contact", "partner"),
])  # fmt: skip
def test_what_is_odd_is_named(session, options, field, words):
    with pytest.raises(ValidationFailed) as refused:
        parse_options(options)
    (fault,) = refused.value.errors
    assert fault.field == field and words in fault.message
    session.rollback()


def test_all_faults_are_told_at_once(session):
    with pytest.raises(ValidationFailed) as refused:
        parse_options(["layers=x", "sectors=y", "bbox=z"])
    assert [fault.field for fault in refused.value.errors] == ["layers", "sectors", "bbox"]
    session.rollback()


def test_an_area_that_is_gone_opens_nothing_rather_than_all():
    scope = KeyScope.from_json({"areas": ["Once"], "precision": "partner", "contact": False})
    assert scope.limits() == Scope(areas=("Once",))
