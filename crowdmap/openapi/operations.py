"""Every call of the public API that /openapi.json describes."""

from crowdmap.alerts import described as subscriptions
from crowdmap.dedupe.views import DuplicatesQuery
from crowdmap.feeds.described import FEED_LIMIT, FEED_SWITCHES, feed_contents
from crowdmap.feeds.formats import FORMATS
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.track_views import ACTIONS as TRACK_ACTIONS
from crowdmap.intake.tracking import Nothing
from crowdmap.intake.voices import Voice
from crowdmap.maps import described as tiles
from crowdmap.moderation.duplicates_api import GroupsQuery
from crowdmap.moderation.requests import REQUESTS, GroupDecision
from crowdmap.moderation.vouch_views import VouchRequest
from crowdmap.openapi.parts import (
    EVENTS,
    FILTER,
    GEOJSON,
    IDEMPOTENCY,
    JSON,
    OF_LAYER,
    Operation,
    PAGING,
    SINCE,
    TEXT,
    WHOLE,
    ref,
)


TAKES = (400, 413, 415, 422, 429, 503)
FEATURE = ("one report", GEOJSON, ref("Feature"))
PAGE = ("a page, newest first", GEOJSON, ref("FeatureCollection"))
UNCHANGED = ("nothing changed since the ETag that you sent", None, None)

OPERATIONS = (
    Operation(
        "post", "/api/v1/reports", "Send a report", "reports",
        {201: ("taken", JSON, ref("Receipt")), 200: ("taken before: its first answer, with today's status", JSON, ref("Receipt"))},
        body=ReportDraft, headers=(IDEMPOTENCY,), errors=(*TAKES, 409, 410),
    ),
    Operation(
        "get", "/api/v1/reports", "Reports that you may see", "reports", {200: PAGE, 304: UNCHANGED},
        query={**FILTER, **PAGING},
    ),
    Operation(
        "get", "/api/v1/reports/{public_id}", "One report", "reports",
        {200: FEATURE, 301: ("it was merged; Location is the report it is part of", None, None), 304: UNCHANGED},
        errors=(404, 410),
    ),
    Operation(
        "get", "/api/v1/duplicates", "Has somebody reported this already?", "reports",
        {200: ("up to five likely ones, from public reports alone", JSON, ref("Candidates"))},
        query=DuplicatesQuery, errors=(400, 422, 429),
    ),
    Operation(
        "post", "/api/v1/duplicates", "The same question, with place and words in the body: kept nowhere", "reports",
        {200: ("up to five likely ones, from public reports alone", JSON, ref("Candidates"))},
        body=DuplicatesQuery, errors=TAKES,
    ),
    Operation(
        "post", "/api/v1/reports/{public_id}/voices", "Me too: add a voice to a public report", "reports",
        {
            201: ("taken", JSON, ref("VoiceReceipt")),
            200: ("taken before; without a token where the same device told the same", JSON, ref("VoiceReceipt")),
        },
        body=Voice, headers=(IDEMPOTENCY,), errors=(*TAKES, 404, 409, 410),
    ),
    Operation(
        "post", "/api/v1/reports/{public_id}/vouch", "The team: I know that this is so", "volunteers",
        {200: ("kept; whether the report is corroborated by it", JSON, ref("Vouched"))},
        body=VouchRequest, signed_in=True, errors=(400, 401, 403, 404, 409, 410, 413, 415, 422),
    ),
    Operation(
        "get", "/api/v1/reports/{public_id}/contact", "How to reach who reported; each look is kept", "moderators",
        {200: ("as given", JSON, ref("Contact"))}, signed_in=True, errors=(401, 403, 404),
    ),
    Operation(
        "get", "/api/v1/reports/{public_id}/marks", "Personal marks in its words, masked or kept in the public text",
        "moderators", {200: ("each with the id that keep-mark and mask-mark take", JSON, ref("Marks"))},
        signed_in=True, errors=(401, 403, 404),
    ),
    Operation(
        "get", "/api/v1/reports/{public_id}/log", "Everything that was done to a report, the newest first", "moderators",
        {200: ("its timeline", JSON, ref("Log"))}, signed_in=True, errors=(401, 403, 404),
    ),
    *(
        Operation(
            "post", f"/api/v1/reports/{{public_id}}/actions/{name}", f"Moderators: {name}", "moderators",
            {200: ("the report's state afterwards, and the decision's number, by which it is undone", JSON, ref("Decided"))},
            body=model, signed_in=True, errors=(400, 401, 403, 404, 409, 410, 415, 422),
        )
        for name, model in REQUESTS.items()
    ),
    Operation(
        "get", "/api/v1/reports/{public_id}/evidence", "What a report's grade stands on, and what the next one needs",
        "moderators", {200: ("all that was recorded, the oldest first", JSON, ref("Evidence"))}, signed_in=True,
        errors=(401, 403, 404),
    ),
    Operation(
        "get", "/api/v1/duplicates/groups", "Suspected duplicates, the best first", "moderators",
        {200: ("the groups that are left, and how good suggestions have been", JSON, ref("DuplicateGroups"))},
        query=GroupsQuery, signed_in=True, errors=(401, 403, 422),
    ),
    Operation(
        "post", "/api/v1/duplicates/groups/{public_id}", "One decision for a group: merge all, or no two are the same",
        "moderators", {200: ("the reports' state afterwards, and the number to undo it by", JSON, ref("GroupDecided"))},
        body=GroupDecision, signed_in=True, errors=(400, 401, 403, 404, 409, 415, 422),
    ),
    Operation(
        "delete", "/api/v1/duplicates/decisions/{number}", "Undo a decision on a group", "moderators",
        {204: ("undone: unmerged, or asked again", None, None)}, signed_in=True, errors=(401, 403, 404, 409),
    ),
    Operation(
        "get", "/api/v1/track/{token}", "How one's own report stands", "the reporter",
        {200: ("its state, own words, letters", JSON, ref("Tracked"))}, errors=(404, 429),
    ),
    *(
        Operation(
            "post", f"/api/v1/track/{{token}}/{name}", f"The reporter: {name}", "the reporter",
            {204: ("erased; the token opens nothing any more", None, None)} if name == "erase"
            else {200: ("its state afterwards", JSON, ref("Tracked"))},
            body=None if model is Nothing else model, errors=(400, 404, 409, 410, 415, 422, 429),
        )
        for name, (model, _verb) in TRACK_ACTIONS.items()
    ),
    Operation(
        "get", "/feeds/{layer}.{suffix}", "A layer as a feed", "feeds",
        {200: ("a page, newest first", feed_contents(ref("FeatureCollection")), None), 304: UNCHANGED},
        query={**FILTER, **PAGING, "limit": FEED_LIMIT, **FEED_SWITCHES}, errors=(400, 404, 503),
    ),
    Operation(
        "get", "/feeds/changes", "What changed: the latest state of everything since a seq", "feeds",
        {200: ("features and removals by seq", GEOJSON, ref("Changes"))},
        query={**OF_LAYER, **FILTER, **SINCE, "limit": PAGING["limit"]}, errors=(400, 404, 410, 503),
    ),
    Operation(
        "get", "/feeds/stream", "The same as server-sent events: id is the seq, data a feature or a removal", "feeds",
        {200: ("a stream that stays open", EVENTS, {"type": "string"})},
        query={**OF_LAYER, **FILTER, **SINCE}, errors=(400, 404, 410, 503),
        headers=({"name": "Last-Event-ID", "in": "header", "schema": WHOLE, "description": "resume after this seq"},),
    ),
    *subscriptions.operations(Operation, ref),
    *tiles.operations(Operation, ref, FILTER, UNCHANGED),
)  # fmt: skip
PATH_PARAMETERS = {
    "public_id": (TEXT, "id of the report"),
    "number": (WHOLE, "number of the decision"),
    "subscription_id": (TEXT, "id of the subscription"),
    "token": (TEXT, "tracking token, in any spelling"),
    "layer": (ref("Layer"), "which reports"),
    "suffix": ({**TEXT, "enum": list(FORMATS)}, "the format"),
    **tiles.PATH_PARAMETERS,
}
