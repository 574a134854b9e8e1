"""Invented messages to practise with, and what is known of them. Nobody wrote them; no number or name in them is real."""

from functools import cache

from flask_babel import gettext as _

from crowdmap.config import settings
from crowdmap.tasks.kinds.kind import Item, primary

# one message in several languages; *facts*: what a translation must tell, in the words that may
# tell it (or their beginnings; the first is the whole word), by language
MESSAGES = (
    {
        "key": "water",
        "texts": {
            "en": "We are sixty families in the school yard. No water for two days, the children are sick.",
            "fr": "Nous sommes soixante familles dans la cour de l'école. Pas d'eau depuis deux jours, les enfants sont malades.",
            "ht": "Nou se swasant fanmi nan lakou lekòl la. Pa gen dlo depi de jou, timoun yo malad.",
            "es": "Somos sesenta familias en el patio de la escuela. Sin agua desde hace dos días, los niños están enfermos.",
        },
        "facts": {
            "en": (("sixty", "60"), ("families", "famil"), ("school",), ("water",), ("two days", "2 days"), ("children", "child", "kid"), ("sick", "ill")),
            "fr": (("soixante", "60"), ("familles", "famil"), ("école",), ("eau",), ("deux jours", "2 jours"), ("enfants", "enfant"), ("malades", "malade")),
            "es": (("sesenta", "60"), ("familias", "famil"), ("escuela", "colegio"), ("agua",), ("dos días", "2 días"), ("niños", "niñ"), ("enfermos", "enferm")),
            "ht": (("swasant", "60"), ("fanmi",), ("lekòl",), ("dlo",), ("de jou", "2 jou"), ("timoun",), ("malad",)),
        },
    },
    {
        "key": "road",
        "texts": {
            "en": "The road to the hospital is blocked by a fallen wall. Lorries cannot pass, motorbikes can.",
            "fr": "La route de l'hôpital est bloquée par un mur tombé. Les camions ne passent pas, les motos oui.",
            "ht": "Wout lopital la bloke ak yon mi ki tonbe. Kamyon pa ka pase, moto ka pase.",
            "es": "El camino al hospital está bloqueado por un muro caído. Los camiones no pasan, las motos sí.",
        },
        "facts": {
            "en": (("road", "street", "way"), ("hospital",), ("blocked", "block", "closed"), ("wall",), ("lorries", "lorr", "truck"), ("motorbikes", "moto", "bike")),
            "fr": (("route", "rue", "chemin"), ("hôpital",), ("bloquée", "bloqu", "barr"), ("mur",), ("camions", "camion"), ("motos", "moto")),
            "es": (("camino", "calle", "carretera", "ruta"), ("hospital",), ("bloqueado", "bloque", "cerrad"), ("muro", "pared"), ("camiones", "camion"), ("motos", "moto")),
            "ht": (("wout", "ri"), ("lopital",), ("bloke",), ("mi",), ("kamyon",), ("moto",)),
        },
    },
    {
        "key": "trapped",
        "texts": {
            "en": "Three people are under the house beside the church, we hear them. Bring tools.",
            "fr": "Trois personnes sont sous la maison à côté de l'église, nous les entendons. Apportez des outils.",
            "ht": "Twa moun anba kay ki bò legliz la, nou tande yo. Pote zouti.",
            "es": "Tres personas están bajo la casa al lado de la iglesia, las oímos. Traigan herramientas.",
        },
        "facts": {
            "en": (("three", "3"), ("house", "home", "building"), ("church",), ("hear", "heard"), ("tools", "tool")),
            "fr": (("trois", "3"), ("maison",), ("église",), ("entendons", "entend"), ("outils", "outil")),
            "es": (("tres", "3"), ("casa",), ("iglesia",), ("oímos", "oyen", "escuch"), ("herramientas", "herramient")),
            "ht": (("twa", "3"), ("kay",), ("legliz",), ("tande",), ("zouti",)),
        },
    },
    {
        "key": "clinic",
        "texts": {
            "en": "The clinic is open and has two doctors, but no medicine for wounds. Come before noon.",
            "fr": "La clinique est ouverte et a deux médecins, mais pas de médicaments pour les blessures. Venez avant midi.",
            "ht": "Klinik la louvri, li gen de doktè, men pa gen medikaman pou blesi. Vini anvan midi.",
            "es": "La clínica está abierta y tiene dos médicos, pero no hay medicinas para heridas. Vengan antes del mediodía.",
        },
        "facts": {
            "en": (("clinic", "hospital", "health"), ("open",), ("two", "2"), ("doctors", "doctor"), ("medicine", "medication", "drug"), ("noon", "12", "midday")),
            "fr": (("clinique",), ("ouverte", "ouvert"), ("deux", "2"), ("médecins", "médecin", "docteur"), ("médicaments", "médicament"), ("midi", "12")),
            "es": (("clínica",), ("abierta", "abiert"), ("dos", "2"), ("médicos", "médico", "doctor"), ("medicinas", "medicin", "medicament"), ("mediodía", "12")),
            "ht": (("klinik",), ("louvri",), ("de", "2"), ("doktè",), ("medikaman",), ("midi", "12")),
        },
    },
)  # fmt: skip


def in_languages(languages) -> list[Item]:
    """Each message once, in one of the languages that somebody knows, to be told in the working language; none where we
    have it in none of them. In turn: the answer to one language's would be the answer to the next one's."""
    working = primary(settings().WORKING_LANGUAGE)
    found = []
    for message in MESSAGES:
        facts = message["facts"].get(working)
        known = [language for language in languages if language in message["texts"] and language != working]
        if facts and known:
            language = known[len(found) % len(known)]
            hint = ", ".join(group[0] for group in facts)
            key = f"{message['key']}-{language}"
            found.append(Item(key, message["texts"][language], facts, language, why=message["texts"][working], hint=hint))
    return found


def others(key: str) -> list[tuple]:
    """What the other messages tell, in the working language: `Item.known` of each."""
    working = primary(settings().WORKING_LANGUAGE)
    return [message["facts"][working] for message in MESSAGES if not key.startswith(f"{message['key']}-") and working in message["facts"]]


def with_category() -> list[Item]:
    """Messages whose category is beyond doubt; *known*: the codes of the built-in templates that are right."""
    return [
        Item("water", _("Sixty families in the school yard have had no water for two days."), ("WAT",), why=_("they lack water")),
        Item("road", _("The road to the hospital is blocked by a fallen wall, lorries cannot pass."), ("ROAD",), why=_("a road is blocked")),
        Item("trapped", _("Three people are under the house beside the church, we hear them."), ("TRAP",), why=_("people are trapped")),
        Item("food", _("We share water from a well, but nobody here has eaten since Tuesday."), ("FOOD",), why=_("they have water; food is what they lack")),
        Item("clinic", _("Our clinic is open day and night, two doctors, all are welcome."), ("HOSP",), why=_("a clinic tells that it works")),
        Item("camp", _("Four hundred people sleep on the football ground, without tents, and it rains."), ("SHEL", "IDP"), why=_("they lack shelter")),
    ]  # fmt: skip


@cache
def languages() -> tuple[str, ...]:
    """Codes of the languages there is practice in."""
    return tuple(sorted({language for message in MESSAGES for language in message["texts"]}))
