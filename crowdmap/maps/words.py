"""Words of the map's scripts, and of the pathway of a report. Scripts have no gettext: they get these in an attribute."""

from flask_babel import gettext as _

from crowdmap.config import settings
from crowdmap.reports.models import Status, Verification


def strings() -> dict[str, str]:
    """name → text; {placeholders} are filled by the script. No plurals: a count always stands beside its word."""
    return {
        "kind_need": _("Need"), "kind_offer": _("Offer"), "kind_damage": _("Damage"), "kind_information": _("Information"),
        "kinds_need": _("Needs"), "kinds_offer": _("Offers"), "kinds_damage": _("Damage"),
        "kinds_information": _("Information"),
        "unverified": _("not checked yet") if settings().MODERATION == "after" else _("not verified yet"),
        "corroborated": _("told by several"), "verified": _("verified"),
        "disputed": _("disputed"), "closed": _("closed"), "voices": _("voices: {n}"), "within": _("within {length}"),
        "untitled": _("Report without words"), "place_unknown": _("place not known yet"),
        "open_report": _("Open the report"), "copy_link": _("Copy link"), "all_here": _("All at this place"),
        "in_one_place": _("{n} reports at this place"), "loading": _("Loading…"), "in_view": _("{n} in view"),
        "no_layers": _("All layers are off"), "no_layers_text": _("Turn on a layer to see its reports."),
        "all_layers": _("Show all layers"), "none_match": _("Nothing here matches"),
        "none_match_text": _("No report in this part of the map matches the filters."),
        "none_here": _("No reports here yet"),
        "none_here_text": _("Look at the whole area, or be the first to tell what is happening here."),
        "clear_filters": _("Clear the filters"), "whole_area": _("The whole area"), "report": _("Report"),
        "more": _("Show more"), "all_of_them": _("All of them"), "try_again": _("Try again"),
        "offline_head": _("You are offline"), "failed_head": _("The reports did not come"), "filters": _("Filters"),
        "show_list": _("List"), "words": _("“{q}”"), "since": _("since {day}"), "until": _("until {day}"),
        "remove_filter": _("Remove the filter {name}"), "all_days": _("{from} – {to}"), "from_to": _("{from} – {to}"),
        "first_day": _("First day"), "last_day": _("Last day"), "in_reports": _("in reports"), "place": _("place"),
        "live_live": _("live"), "live_wait": _("connecting…"), "live_poll": _("live"), "live_off": _("offline"),
        "live_live_text": _("New reports appear by themselves."), "live_wait_text": _("Connecting to the live updates."),
        "live_poll_text": _("Many people are watching: this page asks for news every five seconds."),
        "live_off_text": _("No connection. What you see may be old; it catches up by itself."),
        "live_latest": _("Latest change: {time}."), "arrived": _("New: {title}"),
        "locate": _("Where am I?"), "locating": _("Looking for you…"), "you_are_here": _("You are about here"),
        "locate_denied": _("Your browser was not allowed to say where you are."),
        "locate_failed": _("Your place could not be found. Search for a town instead."),
        "locate_insecure": _("Browsers tell their place only to https pages. Search for a town instead."),
        "report_here": _("Report something here"), "copy_place": _("Copy a link to this place"),
        "data": _("Data: {license}"), "zoom_in": _("Closer"), "zoom_out": _("Farther"),
        "tiles_gone": _("The detailed background is out of reach. The simple map is shown."),
    }  # fmt: skip


def voice_words() -> dict[str, str]:
    return {
        "voice_sent": _("Thank you. It was counted. Keep this link to see what comes of it or to take it back:"),
        "voice_sending": _("Sending…"), "voice_link": _("Keep this link to see what comes of it or to take it back:"),
    }


def pathway_of(view, checked: bool) -> list[dict]:
    """The steps of a public report: {label, at, hourly, state: done | now | ahead}. Times only where the public knows them.
    *checked*: somebody of the team had looked at it when it came on the map."""
    shown = view.status in (Status.PUBLISHED, Status.CLOSED)
    sure = view.verification in (Verification.VERIFIED, Verification.CORROBORATED)
    closed = view.status == Status.CLOSED
    steps = [(_("Received"), True, view.created_at), (_("Checked and put on the map") if checked else _("On the map"), shown, None),
             (_("Told by several") if view.verification == Verification.CORROBORATED else _("Verified"), sure, None)]  # fmt: skip
    if view.kind in ("need", "offer"):
        steps += [
            (_("Somebody takes it on"), bool(view.claimed), None),
            (_("Help is brought") if view.kind == "need" else _("Help is given"), False, None),
            (_("Closed") if closed else _("The person who asked says it arrived")
             if view.kind == "need" else _("Used up or ended"), closed, None),
        ]  # fmt: skip
    else:
        steps += [(_("Settled"), closed, None)]
    ahead = next((n for n, (_label, done, _at) in enumerate(steps) if not done), None)
    return [
        {"label": label, "at": at, "hourly": view.hourly, "state": "done" if done else "now" if n == ahead and not closed else "ahead"}
        for n, (label, done, at) in enumerate(steps)
    ]
