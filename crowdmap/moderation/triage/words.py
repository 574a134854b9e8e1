"""A rule as one sentence, and what of a report met it as another."""

from flask_babel import gettext as _
from flask_babel import ngettext

from crowdmap.moderation.triage.rule import Conditions, Effects, Volume
from crowdmap.reports.models import Kind


class Names:
    """How codes and numbers are called. *categories*: code → name; *accounts*: id → name."""

    def __init__(self, categories: dict[str, str] | None = None, accounts: dict[int, str] | None = None):
        self.categories, self.accounts = categories or {}, accounts or {}

    def category(self, code: str) -> str:
        return self.categories.get(code, code)

    def account(self, number: int) -> str:
        return self.accounts.get(number, _("somebody who left"))


def sentence(conditions: Conditions, effects: Effects, names: Names) -> str:
    """"If a report of Water comes from a trusted source in Léogâne, publish it." """
    return _("If %(what)s, %(then)s.", what=what(conditions, names), then=then(effects, names))


def what(conditions: Conditions, names: Names) -> str:
    c = conditions
    subject = _or([kind_words(kind) for kind in c.kinds]) if c.kinds else _("a report")
    about = [names.category(code) for code in c.categories]
    if about:
        subject = _("%(subject)s of %(categories)s", subject=subject, categories=_or(about))
    if c.sectors:
        subject = _("%(subject)s in the sector %(sectors)s", subject=subject, sectors=_or(c.sectors))
    came = [
        c.trust_at_least is not None and trusted(c.trust_at_least),
        c.trust_below is not None and _("from a source trusted less than %(n)s %%", n=round(c.trust_below * 100)),
        c.organisations and _("from the organisation %(names)s", names=_or(c.organisations)),
        c.areas and (_("in %(areas)s", areas=_or(c.areas)) if _sent(c) else _("from %(areas)s", areas=_or(c.areas))),
        c.channels and _("by %(channels)s", channels=_or(c.channels)),
    ]
    how = " ".join(part for part in came if part)
    words = _("%(subject)s comes %(how)s", subject=subject, how=how) if how else _("%(subject)s comes", subject=subject)
    if c.words:
        words = _("%(words)s with the words %(list)s", words=words, list=_or([f"“{word}”" for word in c.words]))
    if c.volume:
        words = _("%(words)s while %(volume)s", words=words, volume=volume_words(c.volume))
    return words


def _sent(c: Conditions) -> bool:
    return c.trust_at_least is not None or c.trust_below is not None or bool(c.organisations)


def trusted(least: float) -> str:
    return _("from a trusted source") if least == TRUSTED else _("from a source trusted at least %(n)s %%", n=round(least * 100))


TRUSTED = 0.7  # what the form offers as "trusted": five published and none false


def volume_words(volume: Volume) -> str:
    minutes = ngettext("a minute", "%(num)s minutes", volume.minutes)
    if volume.of == "source":
        return _("more than %(n)s come from its source within %(minutes)s", n=volume.more_than, minutes=minutes)
    return _("more than %(n)s come in all within %(minutes)s", n=volume.more_than, minutes=minutes)


def then(effects: Effects, names: Names) -> str:
    parts = [
        effects.decide == "publish" and _("publish it"),
        effects.decide == "review" and _("leave it to a person"),
        effects.assign_to is not None and _("assign it to %(name)s", name=names.account(effects.assign_to)),
        effects.escalate and _("raise it in the queue"),
    ]
    return _and([part for part in parts if part])


def kind_words(kind: Kind) -> str:
    return {
        Kind.NEED: _("a need"), Kind.OFFER: _("an offer"), Kind.DAMAGE: _("a report of damage"),
        Kind.INFORMATION: _("a piece of information"),
    }[kind]  # fmt: skip


def met(facts: dict, names: Names) -> str:
    """What a report met, from `rule.matched`: "Water · trust 83 % · Léogâne"."""
    parts = []
    for name, value in facts.items():
        if name in ("trust_at_least", "trust_below"):
            parts.append(_("trust %(n)s %%", n=round(value * 100)))
        elif name == "categories":
            parts.append(", ".join(names.category(code) for code in value))
        elif name == "kinds":
            parts.append(kind_words(Kind(value)))
        elif name == "volume":
            parts.append(volume_words(Volume.model_validate(value)))
        elif name == "words":
            parts.append(", ".join(f"“{word}”" for word in value))
        else:
            parts.append(", ".join(value) if isinstance(value, list) else str(value))
    return " · ".join(parts)


def effect_name(effect: str) -> str:
    return {
        "publish": _("publish"), "review": _("leave it to a person"), "assign": _("assign"), "escalate": _("raise"),
    }[effect]  # fmt: skip


def why_not(reason: str) -> str:
    """What the log keeps in English, in the reader's language."""
    return {
        "its category is never public": _("its category is never public"),
        "its point lies outside the crisis area": _("its point lies outside the crisis area"),
        "it looked like a machine's": _("it looked like a machine's"),
        "its source is held": _("its source is held"),
        "a device of its network is held": _("a device of its network is held"),
        "too many messages are coming in": _("too many messages are coming in"),
        "too many messages are coming from its source": _("too many messages are coming from its source"),
        "too many messages are coming from its network": _("too many messages are coming from its network"),
        "an earlier rule decided": _("an earlier rule decided"),
        "an earlier rule assigned it": _("an earlier rule assigned it"),
        "that account may not check reports any more": _("that account may not check reports any more"),
    }.get(reason, reason)


def _or(parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return _("%(first)s or %(last)s", first=", ".join(parts[:-1]), last=parts[-1])


def _and(parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return _("%(first)s and %(last)s", first=", ".join(parts[:-1]), last=parts[-1])
