"""Invented messages to practise with, and what is known of them. Nobody wrote them; no number or name in them is real."""

from functools import cache

from flask_babel import gettext as _

from crowdmap.config import settings
from crowdmap.tasks.kinds.kind import Item, primary

# one message in several languages; *facts*: what a translation must tell, in the words that may tell it, by language
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
            "en": (("sixty", "60"), ("famil",), ("school",), ("water",), ("two days", "2 days"), ("child", "kid"), ("sick", "ill")),
            "fr": (("soixante", "60"), ("famil",), ("école",), ("eau",), ("deux jours", "2 jours"), ("enfant",), ("malade",)),
            "es": (("sesenta", "60"), ("famil",), ("escuela", "colegio"), ("agua",), ("dos días", "2 días"), ("niñ",), ("enferm",)),
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
            "en": (("road", "street", "way"), ("hospital",), ("block", "closed"), ("wall",), ("lorr", "truck"), ("moto", "bike")),
            "fr": (("route", "rue", "chemin"), ("hôpital",), ("bloqu", "barr"), ("mur",), ("camion",), ("moto",)),
            "es": (("camino", "calle", "carretera", "ruta"), ("hospital",), ("bloque", "cerrad"), ("muro", "pared"), ("camion",), ("moto",)),
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
            "en": (("three", "3"), ("house", "home", "building"), ("church",), ("hear", "heard"), ("tool",)),
            "fr": (("trois", "3"), ("maison",), ("église",), ("entend",), ("outil",)),
            "es": (("tres", "3"), ("casa",), ("iglesia",), ("oímos", "oyen", "escuch"), ("herramient",)),
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
            "en": (("clinic", "hospital", "health"), ("open",), ("two", "2"), ("doctor",), ("medicine", "medication", "drug"), ("noon", "12", "midday")),
            "fr": (("clinique",), ("ouvert",), ("deux", "2"), ("médecin", "docteur"), ("médicament",), ("midi", "12")),
            "es": (("clínica",), ("abiert",), ("dos", "2"), ("médico", "doctor"), ("medicin", "medicament"), ("mediodía", "12")),
            "ht": (("klinik",), ("louvri",), ("de", "2"), ("doktè",), ("medikaman",), ("midi", "12")),
        },
    },
)  # fmt: skip


def in_languages(languages) -> list[Item]:
    """Messages in the languages somebody knows, to be told in the working language; none where we have none in both."""
    working = primary(settings().WORKING_LANGUAGE)
    found = []
    for message in MESSAGES:
        facts = message["facts"].get(working)
        for language in languages:
            text = message["texts"].get(language)
            if facts and text and language != working:
                found.append(Item(f"{message['key']}-{language}", text, facts, language, why=message["texts"][working]))
    return found


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
