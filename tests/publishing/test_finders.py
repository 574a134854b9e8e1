"""Each kind of mark as a truth table: what is one, and what only looks like one."""

import csv
import html
from types import SimpleNamespace

import pytest

from crowdmap.publishing.finders import KINDS
from crowdmap.publishing.finders.rules import Rules, rules_of
from crowdmap.publishing.masks import find, mask, plain

HAITI = Rules(regions=("HT",))

PLUS_CODES = [
    ("773PG4VQ+2V", "[position]"),
    ("we are at 773PG4VQ+2VX.", "we are at [position]."),
    ("773pg4vq+2v", "[position]"),
    ("773PG4VQ + 2V", "[position]"),
    ("code 773PG4VQ+ please", "code [position] please"),
    ("G4VQ+2V Port-au-Prince", "[position] Port-au-Prince"),
    ("773PG4VQ＋2V", "[position]"),
    ("https://example.org/?q=773PG4VQ%2B2V", "https://example.org/?q=[position]"),
    ("VQ+2V, Delmas", "[position], Delmas"),
    ("نحن هنا 773PG4VQ+2V تعالوا", "نحن هنا [position] تعالوا"),
    ("22+33 Families", None),
    ("VQ+2V", None),
    ("2+2 = 4", None),
    ("WATER+FOOD", None),
    ("A+ Blood type", None),
    ("x773PG4VQ+2V", None),
    ("5+ People", None),
]
IDS = [
    ("CIN 01-01-99-1970-01-00123", "CIN [id number]"),
    ("NIF: 003-123-456-7", "NIF: [id number]"),
    ("nif 0031234567", "nif [id number]"),
    ("my passport is RD1234567", "my passport is [id number]"),
    ("Passport no. AB 1234567, lost", "Passport no. [id number], lost"),
    ("passeport 08AB12345", "passeport [id number]"),
    ("carte 12345678", "carte [id number]"),
    ("carte d'identité n° 1234-5678-90", "carte d'identité n° [id number]"),
    ("kat elektoral nimewo 5512345678901", "kat elektoral nimewo [id number]"),
    ("paspò PP345678", "paspò [id number]"),
    ("cédula 001-1234567-8", "cédula [id number]"),
    ("DNI 12345678Z", "DNI [id number]"),
    ("id 12345", "id [id number]"),
    ("ID card number: 98765", "ID card number: [id number]"),
    ("ID #A1234", "ID #[id number]"),
    ("SSN 123-45-6789", "SSN [id number]"),
    ("license F255-9215-0094", "license [id number]"),
    ("CIN ０１２３４５６", "CIN [id number]"),
    ("رقم الهوية ١٢٣٤٥٦", "رقم الهوية [id number]"),
    ("جواز سفر: A1234567", "جواز سفر: [id number]"),
    ("CIN 0123456-Delmas", "CIN [id number]-Delmas"),
    ("id 1234", None),
    ("id card", None),
    ("medicine 12345", None),
    ("kat 12500 moun", None),
    ("passport lost on 2010-01-12", None),
    ("the card is for 3500 people", None),
    ("carte de 10.000 gourdes", None),
    ("https://example.org/?id=12345", None),
    ("IDPs 12345", None),
    ("[id-number:0042]", None),
    ("SMS id 123456", None),
    ("message 123456", None),
    ("[97109]", None),
    ("avoid 12345", None),
]
NAMES = [
    ("My name is Jean Baptiste, I live at Delmas", "My name is [name], I live at Delmas"),
    ("my name is fritzner St Albert from village Canaan", "my name is [name] from village Canaan"),
    ("MY NAME IS FABIOLA I LIVE IN TROU SABLE", "MY NAME IS [name] I LIVE IN TROU SABLE"),
    ("My name is Augustin Jn Rosilien. I live", "My name is [name]. I live"),
    ("my name is Orvilus O. Jean Saintilus", "my name is [name]"),
    ("my name is Rev Wilson Laguerre. My people", "my name is Rev [name]. My people"),
    ("Hello, je m'appelle Marie-Lourdes Désir et j'habite", "Hello, je m'appelle [name] et j'habite"),
    ("je m’appelle Élise", "je m’appelle [name]"),
    ("mon nom est Paul de la Cruz.", "mon nom est [name]."),
    ("Mwen rele linda mwen abite sou blva", "Mwen rele [name] mwen abite sou blva"),
    ("m rele Jan Pòl", "m rele [name]"),
    ("non mwen se Jude Delice", "non mwen se [name]"),
    ("yo rele m Tijan", "yo rele m [name]"),
    ("Me llamo José Pérez y vivo", "Me llamo [name] y vivo"),
    ("mi nombre es walkes muchas gracias", "mi nombre es [name] muchas gracias"),
    ("اسمي محمد، نحتاج ماء", "اسمي [name], نحتاج ماء"),
    ("Mr. David Dorval needs help", "Mr. [name] needs help"),
    ("Mme Elien Casimir: dlo", "Mme [name]: dlo"),
    ("Msye Jozèf bezwen dlo", "Msye [name] bezwen dlo"),
    ("ask for Pastor Bayard Alexandre", "ask for Pastor [name]"),
    ("My name is Marckenson I'm at leogane", "My name is [name] I'm at leogane"),
    ("Docteur Aubry street", None),
    ("Contact DR Red Cross", None),
    ("M. Pantal est là", "M. [name] est là"),
    ("Sra. Ana Gómez", "Sra. [name]"),
    ("Help us. Signed, Jean-Claude Duval", "Help us. Signed, [name]"),
    ("Signé: Marie Vincent", "Signé: [name]"),
    ("Firmado por Ana Gómez", "Firmado por [name]"),
    ("Food.\nName: Jude Delice\nPlace: Delmas", "Food.\nName: [name]\nPlace: Delmas"),
    ("My name is Frag?e Riclaude, my number", "My name is [name], my number"),
    ("m rele sil vou plè", None),
    ("mwen rele nou pou dlo", None),
    ("my name is not important", None),
    ("they signed up yesterday", None),
    ("signed the agreement", None),
    ("school on Rue Mme Colo", None),
    ("Avenue M. Ambroise prolongée", None),
    ("camp Pasteur Dieusel", None),
    ("NOU M. BEZWEN DLO", None),
    ("mrs need help", None),
    ("the name of the camp is Delmas", None),
    ("camp name: Delmas 33", None),
    ("dr needed", None),
    ("Port-au-Prince, Delmas 33, Place Saint Pierre", None),
]
PHONES = [  # what the eager patterns leave, and the country's networks know
    (("NC",), "appelez 26.05.00 vite", "appelez [phone] vite"),
    (("NC",), "26 05 00", "[phone]"),
    (("HT",), "26 05 00", None),
    ((), "26 05 00", None),
    (("NC",), "12 34 56", None),
    (("NC",), "26 05 00 ext. 12", "[phone]"),
    (("HT",), "3456-7890 ext 12", "[phone]"),
    (("HT",), "3456 7890 poste 4", "[phone]"),
    (("HT",), "3456 7890 x12", "[phone]"),
    (("HT",), "٣٤٥٦٧٨٩٠", "[phone]"),
    (("HT",), "３４５６ ７８９０", "[phone]"),
    (("HT",), "اتصل ٣٤٥٦٧٨٩٠ الآن", "اتصل [phone] الآن"),
    (("HT", "NC"), "26 05 00", "[phone]"),
    (("NC",), "on 12/05/2010 at 260 500", "on 12/05/2010 at [phone]"),
    (("NC",), "260 000 people", None),
    (("HT",), "101, 102, 103, 104", None),
    (("HT",), "35 000 000 gourdes", None),
]


@pytest.mark.parametrize("text, masked", PLUS_CODES + IDS + NAMES)
def test_a_mark_is_masked_and_nothing_else(text, masked):
    assert mask(text, HAITI) == (text if masked is None else masked)


@pytest.mark.parametrize("regions, text, masked", PHONES)
def test_a_number_is_one_where_a_network_of_the_crisis_has_it(regions, text, masked):
    assert mask(text, Rules(regions=regions)) == (text if masked is None else masked)


def test_the_least_length_of_an_id_is_set():
    assert mask("CIN 12345", Rules(id_length=6)) == "CIN 12345"
    assert mask("CIN 123456", Rules(id_length=6)) == "CIN [id number]"


def test_the_region_is_that_of_the_time_zone_unless_it_is_set():
    def regions(zone, given=()):
        return rules_of(SimpleNamespace(PHONE_REGIONS=given, TIMEZONE=zone, ID_LENGTH=5)).regions

    assert regions("America/Port-au-Prince") == ("HT",) and regions("UTC") == ()
    assert regions("America/Port-au-Prince", ("DO", "HT")) == ("DO", "HT")


def test_what_overlaps_is_one_mark_of_the_kind_that_tells_more():
    assert [one.kind for one in find("passport RD1234567", HAITI)] == ["id"]
    assert [one.kind for one in find("Mr Jean@example.org", HAITI)] == ["email"]
    assert mask("Mwen rele Jan, 3456 7890, jan@example.org, CIN 12345", HAITI) == "Mwen rele [name], [phone], [e-mail], CIN [id number]"


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "words"])
def test_each_kind_is_found_in_the_midst_of_any_script(kind):
    example = {
        "email": "jean@example.org", "position": "18.54321, -72.33871", "plus-code": "773PG4VQ+2V", "id": "CIN 0123456",
        "phone": "3456 7890", "name": "mwen rele Jan",
    }[kind]  # fmt: skip
    for before, after in (("", ""), ("نحتاج ماء ", " شكرا"), ("水 ", " 水"), ("нужна вода, ", ", спасибо"), ("(", ")")):
        assert kind in [one.kind for one in find(plain(before + example + after), HAITI)], (before, after)


def test_the_marks_of_the_haiti_file(haiti, capsys):
    """How many of each kind, printed; a map whose every second word were masked would be none."""
    counts, reports, letters, hidden = dict.fromkeys(KINDS, 0), 0, 0, 0
    with (haiti / "reports.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            reports += 1
            for name in ("INCIDENT TITLE", "DESCRIPTION", "LOCATION"):
                seen = plain(html.unescape(row[name] or ""))
                letters += len(seen)
                for one in find(seen, HAITI):
                    counts[one.kind] += 1
                    hidden += one.end - one.start
    with capsys.disabled():
        print(f"\nmarks in {reports} reports of 2010: " + ", ".join(f"{kind} {n}" for kind, n in counts.items()))
    assert counts["name"] > 200 and hidden < letters / 20
