"""What is masked in public text, and what is left alone: two tables."""

from types import SimpleNamespace

import pytest

from crowdmap.publishing import marks
from crowdmap.publishing.finders import KINDS
from crowdmap.publishing.masks import EMAIL, PHONE, POSITION, beside, mask

MARKS = [
    ("call 3456 7890", "call [phone]"),
    ("call 34567890 now", "call [phone] now"),
    ("+509 3456-7890", "[phone]"),
    ("Call +509 (3456) 7890, ask for help", "Call [phone], ask for help"),
    ("(509) 3456 7890", "[phone]"),
    ("509.3456.7890", None),
    ("00509 34 56 78 90", "[phone]"),
    ("tel:3 4 5 6 7 8 9 0", "tel:[phone]"),
    ("3456 - 7890", "[phone]"),
    ("3456_7890", "[phone]"),
    ("3456,7890", "[phone]"),
    ("3456—7890", "[phone]"),
    ("345 678 901", "[phone]"),
    ("x3456-7890y", "x[phone]y"),
    ("phone ٣٤٥٦٧٨٩٠", "phone [phone]"),
    ("phone ３４５６ ７８９０", "phone [phone]"),
    ("3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣9️⃣0️⃣", "[phone]"),
    ("3456\u200b7890", "[phone]"),
    ("34\u00ad56\u206078\u00a090", "[phone]"),
    ("2010-01-13 3456-7890", "2010-01-13 [phone]"),
    ("16:53 3456-7890", "16:[phone]"),
    ("card 12345678901234567890123", "card [phone]"),
    ("jean@example.org", "[e-mail]"),
    ("write to jean.paul+x@mail.example.org.", None),
    ("jean (at) example.org", "[e-mail]"),
    ("jean [at] example [dot] org", "[e-mail]"),
    ("jean at example dot org", "[e-mail]"),
    ("jean arobase hotmail.com", "[e-mail]"),
    ("jean@example . org", "[e-mail]"),
    ("jean＠example.org", "[e-mail]"),
    ("jean@gmail", "[e-mail]"),
    ("18.5432, -72.3388", "[position]"),
    ("at 18.5432 -72.3388 behind", "at [position] behind"),
    ("18,5432 ; -72,3388", "[position]"),
    ("18.54321", "[position]"),
    ("N18.5432 W72.3388", None),
    ("lat 18.54 lon -72.33", "[position] [position]"),
    ("18°32'35\"N 72°20'19\"W", None),
    ("18° 32.5' N, 72° 20.3' W", None),
    ("18.54° -72.33°", "[position]"),
    ("geo:18.5432,-72.3388", "geo:[position]"),
    ("https://www.google.com/maps/@18.5432,-72.3388,17z", "[position]"),
    ("773PG4VQ+2V", "[position]"),
    ("///filled.count.soap", "[position]"),
    ("UTM 18Q 782345 2051234", "UTM 18Q [phone]"),
    ("34  56    78      90", "[phone]"),
    ("3456 -- 7890", "[phone]"),
    ("3456 ... 7890", "[phone]"),
    ("34:56:78:90", "[phone]"),
    ("34|56|78|90", "[phone]"),
    ("&#51;&#52;&#53;&#54;&#55;&#56;&#57;&#48;", "[phone]"),
    ("3456&nbsp;7890", "[phone]"),
    ("jean&#64;example.org", "[e-mail]"),
    ("jean%40example.org", "[e-mail]"),
    ("jean (@) example.org", "[e-mail]"),
    ("jean <at> example.org", "[e-mail]"),
    ("jean (arobase) example.org", "[e-mail]"),
    ("jean-at-example.org", "[e-mail]"),
    ("jean_at_example_dot_org", "[e-mail]"),
    ("jean  @  example.org", "[e-mail]"),
    ("jean at gmail", "[e-mail]"),
    ("18º32’35’’N", "[position]"),
    ("18 32 51.72N    72 17 07.62W", "[position]    [position]"),
    ("18:32:35N 72:20:18W", "[position] [position]"),
    ("18d32m35s", "[position]"),
    ("18 degrees 32 minutes 35 seconds", "[position]"),
    ("١٨٫٥٤٣٢، ٧٢٫٣٣٨٧", "[position]"),
    ("18.543 and -72.338", "[position]"),
    ("18.543 nord, 72.338 ouest", "[position]"),
    ("x=-72.338 y=18.543", "[position] [position]"),
    ("lat18.543lon-72.338", None),
    ("latitude is 18.543", "[position]"),
    ("https://example.org/?c=18.543%2C-72.338", "https://example.org/?c=[position]"),
    ("https://example.org/data=!3d18.543!4d-72.338", "https://example.org/data=[position][position]"),
    ("we are here https://maps.app.goo.gl/aBcDeFg", "we are here [position]"),
    ("https://maps.google.com/?q=18.54,-72.33", "[position]"),
    ("http://www.openstreetmap.org/browse/node/614376524", "[position]"),
    ("what3words: filled.count.soap", "[position]"),
    ("Ring Marie at 37l2 345O", "Ring Marie at [phone]"),
    ("+5O9 37I2 O456", "[phone]"),
    ("Tel 36ll62o4 mesi", "Tel [phone] mesi"),  # as somebody wrote it in 2010
    ("3\u3164\u31647\u31641\u31642\u31643\u3164\u31644\u31645\u31646", "[phone]"),
    ("3\uffa07\uffa012\u1160345\u115f6", "[phone]"),
    ("❸❼❶❷ ❸❹❺❻", "[phone]"),
    ("➂➆➀➁ ➌➍➎⓿", "[phone]"),
    ("3\u03337\u03331\u03332\u03333\u03334\u03335\u03336\u0333", "[phone]"),
    ("37, 12, 34, 56", "[phone]"),
    ("37-12, 34-56", "[phone]"),
    ("+509 37, 12, 34, 56", "[phone]"),
    ("call 3712, 3456 now", "call [phone] now"),
    ("rele 12, 23, 34, 45", "rele [phone]"),
    ("tel 37,123,456", "tel [phone]"),
    ("tel: 37 123 000", "tel: [phone]"),
    ("nimewo mwen se 37 123 000", "nimewo mwen se [phone]"),
    ("mon numéro: 37,123,456", "mon numéro: [phone]"),
    ("773P G4VQ + 2V", "[position]"),
    ("773P G4VQ+", "[position]"),
    ("marie chez gmail point com", "[e-mail]"),
    ("marie chez gmail", "[e-mail]"),
    ("marieⓐexample.org", "[e-mail]"),
]
LEFT = [
    "", "Needs water for 60 people", "1,500 people need food, 300 are children", "1 500 000 litres", "1,500,000 litres",
    "about 2.000.000 people", "on 2010-01-12 at 16:53", "12/01/2010", "12.01.2010 16:53", "16:53:12 on 2010-01-12 and 2010-01-13",
    "Delmas 33, rue 12", "N° 45, 3 rue", "population 2 500", "about 10.000 people", "5.5 km east", "magnitude 7.0",
    "100 x 200 m", "Km 12.5 Route 9", "at 5 pm at the market. come", "we are at St. Marc", "stuck at hotel.Please help",
    "we are at home.It is bad", "room 101, 102, 103", "100 tents, 200 blankets, 300 kits", "fever of 38.5°C",
    "turn 45 degrees east of the camp", "at 10.30 at night", "pa gen dlo nan kan an", "½ a litre a day … no more", "الماء ٦٠ شخص",
    "1,500 of 2,000 people", "10.000 and 20.000 people", "12-01-10 n ap tann", "open 08:00 to 16:00", "from 16:53:12 to 17:10",
    "50% of 200 tents & 30 kits", "help.\n\n@redcross is there", "we look at it - at night - here", "3d 12h", "x = 12.5",
    "Delmas 31, 33, 41, 75", "Delmas 75, 41, 33, 31", "children of 12, 14, 15, 17 years", "12, 45, 33, 17, 60, 22 and more",
    "20l 500l 10l 5l", "O2 500 l, 10 l", "1o 2o 3o 4o 5o", "the number of victims is not 1,500,000", "number of people 1,500,000",
    "we called for 1,500,000 litres", "open 08-12, 14-18", "12.50, 15.75, 13.25", "temperatures 37.5, 38.2, 36.9", "marie a gagné",
    "chez Marie point de rencontre", "½ ❸ families",
]  # fmt: skip


@pytest.mark.parametrize("text, masked", MARKS)
def test_a_mark_is_masked_whole(text, masked):
    result = mask(text)
    if masked is not None:
        assert result == masked
    left = result
    for word in (PHONE, EMAIL, POSITION):
        left = left.replace(word, "")
    assert left != text and not any(
        c.isdigit() for c in left.replace("2010-01-13", "").replace("16:", "").replace("18Q", "").replace("17z", "")
    )


@pytest.mark.parametrize("text", LEFT)
def test_harmless_text_is_left_byte_for_byte(text):
    assert mask(text) == text


# references that Python refuses to read, by themselves and made of what is left of another; and what zeros stand before
LONG_REFERENCES = ["&#" + "1" * 4301, "&#&#" + "1" * 4301, "&#" + "0" * 4400 + "1" * 4400, "&#&#0" + "0" * 4400 + "51;", "&#x" + "1" * 4400]


@pytest.mark.parametrize("reference", LONG_REFERENCES)
def test_no_reference_is_too_long_to_be_read(reference):
    assert mask(f"3456 7890 {reference}").startswith("[phone]")


def test_what_a_reference_spells_is_seen_with_zeros_before_it_and_what_it_hides_is_not():
    assert mask("&#" + "0" * 5000 + "51;456 7890") == "[phone]"
    assert mask("3456&shy;78&#8203;90") == "[phone]"


def test_what_cannot_be_looked_through_is_masked_as_a_whole(monkeypatch, caplog):
    """A fault in a finder leaks nothing, into the log neither, and stops no commit."""
    broken = KINDS["phone"]._replace(find=lambda text, rules: int(text))
    monkeypatch.setitem(KINDS, "phone", broken)
    assert mask("Ring 3456 7890") == "[masked]"
    report = SimpleNamespace(title="", description="Ring 3456 7890", public_id="anid")
    assert marks.of_report(report, None) == set()
    assert "3456" not in caplog.text and caplog.text.count("ValueError") == 2


def test_a_number_with_letters_for_digits_is_the_same_number_to_those_who_look_for_copies():
    assert marks.in_text("Tel 36ll62o4") == marks.in_text("3611 6204") == {("phone", "36116204")}


SHARED = [  # a title and the description that goes on with it
    ("Call Marie 3712", "3456, she is alone", "Call Marie [phone]", "[phone], she is alone"),
    ("Marie: +509 37-", " 12-34-56", "Marie: [phone]-", " [phone]"),
    ("Call 37l2 -", "345O", "Call [phone] -", "[phone]"),
    ("Delmas 33", "3712 3456", "Delmas 33", "[phone]"),
    ("Delmas 33", "12 families, 40 children", "Delmas 33", "12 families, 40 children"),
    ("Room 101", "102 and 103 too", "Room 101", "102 and 103 too"),
    ("Need water 3712", "for 3456", "Need water 3712", "for 3456"),
]


@pytest.mark.parametrize("title, description, first, second", SHARED)
def test_a_number_that_a_title_begins_is_masked_in_both(title, description, first, second):
    report = SimpleNamespace(title=title, description=description)
    told = [mask(getattr(report, name), near=beside(report, name)) for name in ("title", "description")]
    assert told == [first, second]


def test_none_stays_none():
    assert mask(None) is None


def test_masking_does_not_make_a_text_grow():
    """U+FDFA is eighteen letters in one: a text of those must not become a hundred kilobytes in every feed."""
    assert len(mask("ﷺ" * 1000 + " 3456 7890")) < 1100
