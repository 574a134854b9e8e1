"""In which language a page speaks: ``?lang=``, else the reader's earlier choice, else what the browser prefers."""

from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlencode

from babel import Locale
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, format_date, format_datetime, format_decimal, format_time, get_locale, get_translations
from flask_babel import gettext as _

from crowdmap.config import settings
from crowdmap.web import is_open_data

COOKIE = "crowdmap_language"
babel = Babel()


def choose() -> str:
    """One of LANGUAGES, the first where nothing fits; outside a request the first."""
    offered = settings().LANGUAGES
    if not has_request_context():
        return offered[0]
    if not is_open_data():  # which reads no cookie, and knows its own parameters only
        for wish in (request.args.get("lang"), request.cookies.get(COOKIE)):
            if wish in offered:
                return wish
    return request.accept_languages.best_match(offered) or offered[0]


@lru_cache(64)
def _known(code: str) -> Locale:
    """As babel reads it, which looks for a file each time."""
    return Locale.parse(code, sep="-" if "-" in code else "_")


def locale_code() -> str:
    return str(get_locale() or "en").replace("_", "-")


def language_name(code: str | None) -> str:
    """A language in the reader's own words; its code where nobody knows."""
    names = (get_locale() or Locale("en")).languages
    return names.get(code) or names.get(code.partition("-")[0], code) if code else ""


def words_language() -> str:
    """The language that a page's words are in: the reader's where there is a catalogue of it, else English, in which they
    are written. A screen reader that is told "ht" reads English as Kreyòl."""
    code = locale_code()
    spoken = code.partition("-")[0]
    if spoken != "en" and spoken not in {locale.language for locale in babel_languages()}:
        return "en"
    return code


def text_direction() -> str:
    """"ltr" or "rtl"; ``?dir=rtl`` lets anybody look at a page mirrored."""
    if has_request_context() and request.args.get("dir") in ("rtl", "ltr"):
        return request.args["dir"]
    return Locale.parse(words_language(), sep="-").text_direction


def format_hour(moment: datetime) -> str:
    """A moment that was cut to the hour: "Jan 13, 2010, 9:00 – 10:00 PM"."""
    until = moment + timedelta(hours=1)
    return _("%(day)s, %(start)s – %(end)s", day=format_date(moment), start=format_time(moment, "short"), end=format_time(until, "short"))


def language_choices() -> list[tuple[str, str]]:
    """(code, the language's own name) of each language offered whose words are there; the crisis's category names and
    the way numbers and times are written follow the reader's browser without any choice."""
    there = {"en", *(str(locale).replace("_", "-") for locale in babel_languages())}
    offered = [code for code in settings().LANGUAGES if code in there]
    return [(code, Locale.parse(code, sep="-").display_name.title()) for code in offered]


def babel_languages() -> list[Locale]:
    """The locales that have a catalogue."""
    return babel.list_translations()


def language_url(code: str) -> str:
    """This page in another language."""
    args = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return request.path + "?" + urlencode([*args, ("lang", code)])


def _words():
    """The catalogue of the reader's language, found once a request and not for each of a page's hundreds of words: that took
    a tenth of the desk's page."""
    kept = g._get_current_object().__dict__
    locale = getattr(kept.get("_flask_babel"), "babel_locale", None)
    known = kept.get("crowdmap_words")
    if known is None or known[0] is not locale:  # `force_locale` puts another one there for a while
        known = kept["crowdmap_words"] = (get_locale(), get_translations())
    return known[1]


def _gettext(message: str) -> str:
    return _words().ugettext(message)


def _ngettext(singular: str, plural: str, num: int) -> str:
    return _words().ungettext(singular, plural, num) % {"num": num}


def _pgettext(context: str, message: str) -> str:
    return _words().upgettext(context, message)


def _remember(response):
    wish = request.args.get("lang")
    if wish in settings().LANGUAGES and response.mimetype == "text/html" and not is_open_data():
        response.set_cookie(COOKIE, wish, max_age=31_536_000, samesite="Lax", httponly=True, secure=request.is_secure)
    return response


def init_app(app: Flask) -> None:
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    babel.init_app(app, locale_selector=lambda: _known(choose()), timezone_selector=lambda: settings().TIMEZONE)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(_gettext, _ngettext, newstyle=True, pgettext=_pgettext)
    app.jinja_env.filters["datetimeformat"] = format_datetime
    app.jinja_env.filters["hourformat"] = format_hour
    app.jinja_env.filters["numberformat"] = format_decimal
    app.jinja_env.globals.update(
        locale_code=locale_code, words_language=words_language, text_direction=text_direction, language_choices=language_choices,
        language_url=language_url,
    )  # fmt: skip
    app.after_request(_remember)
