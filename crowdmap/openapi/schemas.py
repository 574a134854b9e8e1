"""The schemas of /openapi.json."""

from crowdmap.alerts import described as subscriptions
from crowdmap.feeds.ogc.properties import SCHEMAS
from crowdmap.maps import described as tiles
from crowdmap.moderation import timeline
from crowdmap.moderation.evidence import ENDINGS
from crowdmap.moderation.grades import MISSING, EvidenceKind
from crowdmap.openapi.parts import NUMBER, TEXT, WHOLE, nullable, obj, ref
from crowdmap.publishing.finders import KINDS
from crowdmap.reports.models import Kind, Status, Verification
from crowdmap.reports.outbox import Kind as Outgoing


def _properties() -> dict:
    """The properties of a feature, all always there."""
    return {name: nullable(schema) if null else schema for name, (schema, null) in SCHEMAS.items()}


def schemas() -> dict:
    """What is answered; what is taken comes from the models."""
    point = {
        "type": "object", "required": ["type", "coordinates"],
        "properties": {"type": {"const": "Point"}, "coordinates": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}},
    }  # fmt: skip
    removal = {
        "type": "object", "required": ["id", "seq", "removed", "reason"],
        "properties": {
            "id": TEXT, "seq": WHOLE, "removed": {"const": True},
            "reason": {**TEXT, "enum": ["removed", "merged", "no-match"]}, "merged_into": TEXT,
        },
    }  # fmt: skip

    def feature(properties, geometry):
        return {
            "type": "object", "required": ["type", "id", "geometry", "properties"],
            "properties": {"type": {"const": "Feature"}, "id": TEXT, "geometry": geometry, "properties": properties},
        }  # fmt: skip

    moment = {**TEXT, "format": "date-time"}
    contact = {f"contact_{name}": nullable(TEXT) for name in ("name", "phone", "email")}
    receipt = {"id": TEXT, "tracking_token": TEXT, "tracking_url": {**TEXT, "format": "uri"}, "status": TEXT}
    candidate = {
        "id": TEXT, "title": TEXT, "text": nullable(TEXT), "url": TEXT, "age_minutes": WHOLE, "voices": WHOLE,
        "reasons": {"type": "array", "items": TEXT},
        "distance": {**TEXT, "enum": ["same-place", "under-500-m", "under-2-km", "farther", "unknown"]},
    }  # fmt: skip
    candidates = {"type": "array", "maxItems": 5, "items": obj(candidate)}
    texts = {"type": "array", "items": TEXT}
    step = {"step": TEXT, "state": {**TEXT, "enum": ["done", "now", "ahead"]}, "at": nullable({**TEXT, "format": "date-time"})}
    return {
        **subscriptions.schemas(obj, nullable, ref),
        **tiles.schemas(obj),
        "Feature": feature(obj(_properties(), open=True), nullable(point)),
        "Removal": feature(removal, {"type": "null"}),
        "FeatureCollection": {
            **obj({
                "type": {"const": "FeatureCollection"}, "features": {"type": "array", "items": ref("Feature")},
                "numberMatched": WHOLE, "numberReturned": WHOLE, "seq": WHOLE, "next": nullable(TEXT),
                "timeStamp": {**TEXT, "format": "date-time"}, "links": {"type": "array", "items": ref("Link")},
            }, open=True),
        },
        "Changes": obj({
            "type": {"const": "FeatureCollection"}, "seq": WHOLE, "more": {"type": "boolean"},
            "features": {"type": "array", "items": {"anyOf": [ref("Feature"), ref("Removal")]}},
        }, open=True),
        "Link": {**obj({"href": TEXT, "rel": TEXT}, open=True)},
        "Receipt": obj({**receipt, "possible_duplicates": candidates}),
        "VoiceReceipt": obj({
            **receipt, "tracking_token": nullable(TEXT), "tracking_url": nullable({**TEXT, "format": "uri"}),
            "voices": nullable(WHOLE), "message": nullable(TEXT),
        }),
        "Vouched": obj({
            "id": TEXT, "verification": {**TEXT, "enum": list(Verification)}, "counts": {"type": "boolean"}, "message": TEXT,
        }),
        "Decided": obj({
            "id": TEXT, "decision": nullable(WHOLE), "revision": WHOLE, "status": {**TEXT, "enum": list(Status)},
            "verification": {**TEXT, "enum": list(Verification)}, "verification_reason": nullable(TEXT),
            "kind": {**TEXT, "enum": list(Kind)}, "category": TEXT, "categories": texts, "out_of_area": {"type": "boolean"},
            "merged_into": nullable(TEXT),
        }),
        "Evidence": obj({
            "id": TEXT, "revision": WHOLE, "verification": {**TEXT, "enum": list(Verification)}, "verification_reason": nullable(TEXT),
            "two_people": {"type": "boolean"}, "missing": nullable({**TEXT, "enum": list(MISSING)}),
            "evidence": {"type": "array", "items": obj({
                "id": WHOLE, "kind": {**TEXT, "enum": list(EvidenceKind)}, "by": nullable(TEXT), "organisation": nullable(TEXT),
                "sources": WHOLE, "note": TEXT, "at": moment, "withdrawn_at": nullable(moment), "withdrawn_by": nullable(TEXT),
                "withdrawn_why": nullable(TEXT),
            })},
        }),
        "Candidates": obj({"candidates": candidates}),
        "DuplicateGroups": obj({
            "open": WHOLE, "suggestions": obj({"decided": WHOLE, "same": WHOLE}),
            "groups": {"type": "array", "items": obj({
                "root": TEXT, "size": WHOLE,
                "members": {"type": "array", "items": obj({
                    "id": TEXT, "revision": WHOLE, "copy": {"type": "boolean"}, "reasons": texts, "report": ref("Feature"),
                })},
                "pairs": {"type": "array", "items": obj({
                    "a": TEXT, "b": TEXT, "score": NUMBER, "exact": {"type": "boolean"}, "reasons": texts,
                })},
            })},
        }),
        "GroupDecided": obj({
            "decision": WHOLE, "root": TEXT,
            "members": {"type": "array", "items": obj({"id": TEXT, "revision": WHOLE, "merged_into": nullable(TEXT)}, open=True)},
        }),
        "Contact": obj({
            "id": TEXT, **contact, "taken_back": {"type": "boolean"},
            "others": {"type": "array", "items": obj({**contact, "received_at": moment, "taken_back": {"type": "boolean"}})},
        }),  # fmt: skip
        "Marks": obj({
            "id": TEXT, "revision": WHOLE, "masked": WHOLE, "kept": WHOLE,
            "marks": {"type": "array", "items": obj({
                "id": TEXT, "kind": {**TEXT, "enum": list(KINDS)}, "text": TEXT, "state": {**TEXT, "enum": ["masked", "kept"]},
                "mask": TEXT,
            })},
        }),
        "Tracked": obj({
            "id": TEXT, "status": TEXT, "verification": TEXT, "ended": nullable({**TEXT, "enum": list(ENDINGS)}),
            "voice": {"type": "boolean"}, "withdrawn": {"type": "boolean"},
            "merged": {"type": "boolean"}, "joined": WHOLE, "received_at": {**TEXT, "format": "date-time"},
            "steps": {"type": "array", "items": obj(step)}, "contact_kept": {"type": "array", "items": TEXT},
            "public": nullable(ref("Feature")),
            "questions": {"type": "array", "items": obj({
                "id": TEXT, "kind": {**TEXT, "enum": list(Outgoing)}, "text": TEXT, "language": TEXT, "at": moment,
                "waits": {"type": "boolean"}, "answers": {"type": "array", "items": obj({"text": TEXT, "at": moment})},
            })},
            "history": {"type": "array", "items": obj({"step": TEXT, "words": TEXT, "reason": nullable(TEXT), "at": moment})},
        }, open=True),
        "Log": obj({"id": TEXT, "entries": {"type": "array", "items": obj({
            "at": moment, "action": TEXT, "words": TEXT,
            "role": {**TEXT, "enum": list(timeline.ROLES)}, "by": nullable(TEXT), "report": nullable(TEXT),
            "changes": {"type": "array", "items": obj({
                "field": TEXT, "label": TEXT, "from": nullable(TEXT), "to": nullable(TEXT),
            })},
            "reason": TEXT, "evidence": TEXT, "text": TEXT, "question": nullable(TEXT), "state": nullable(TEXT),
            "hourly": {"type": "boolean"},
        })}}),
        "Problem": obj({
            "type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT, "code": TEXT,
            "errors": {"type": "array", "items": obj({"field": nullable(TEXT), "code": TEXT, "message": TEXT})},
        }, open=True),
    }  # fmt: skip
