"""Which categories and which kind a source's labels become."""

import pytest

from crowdmap.intake.files.categories import InvalidMapping, read_mapping
from tests.intake.reading import book

# labels as one cell → kind, primary, all codes
CHOICES = {
    "": ("information", "OTH", ["OTH"]),
    "2b. Penurie d'eau | Water shortage, 2a. Penurie d'aliments | Food Shortage, ": ("need", "WAT", ["WAT", "FOOD"]),
    "1. Urgences | Emergency, 3. Public Health, ": ("need", "EMG", ["EMG", "PH"]),
    "1. Urgences | Emergency, 5a. Structure effondres | Collapsed structure, ": ("need", "COLL", ["COLL", "EMG"]),
    "5c. Route barree | Road blocked, ": ("damage", "ROAD", ["ROAD"]),
    "4a. Pillage | Looting, ": ("damage", "LOOT", ["LOOT"]),
    "7a. Distribution d'aliments | Food distribution point, ": ("offer", "FDP", ["FDP"]),
    "7. Secours | Services Available, 2d. Refuge | Shelter needed, ": ("need", "SHEL", ["SHEL", "SVC"]),
    "8f. Other, ": ("information", "OTH", ["OTH"]),
    "2c. Eau contaminee | Contaminated water, ": ("need", "WATC", ["WATC"]),
    "2c. Probleme de securite | Security Concern, ": ("damage", "SECC", ["SECC"]),
    "Emergency,Food shortage": ("need", "FOOD", ["FOOD", "EMG"]),
    "Pénurie d'eau": ("need", "WAT", ["WAT"]),
    "Dlo manke": ("need", "WAT", ["WAT"]),
    "WAT,FDP": ("need", "WAT", ["WAT", "FDP"]),
    "road BLOCKED": ("damage", "ROAD", ["ROAD"]),
    "Water, sanitation and hygiene, Fire": ("need", "SAN", ["SAN", "FIRE"]),
}


@pytest.mark.parametrize("cell", CHOICES)
def test_choices(cell):
    categories = book()
    choice = categories.choose(categories.labels(cell))
    assert (choice.kind, choice.category, list(choice.categories)) == CHOICES[cell]


def test_an_unknown_label_goes_to_other_and_is_told():
    choice = book().choose(["9z. Dragons", "Fire"])
    assert (choice.category, choice.categories, choice.unknown) == ("OTH", ("OTH", "FIRE"), ("9z. Dragons",))


def test_a_mapping_wins_and_hazard_is_damage(tmp_path):
    path = tmp_path / "categories.csv"
    rows = ",9z. Dragons,hazard,FIRE\n,Water shortage,information,WAT\n"
    path.write_text("note,category,kind,code\n" + rows, encoding="utf-8")
    categories = book(read_mapping(path))
    assert categories.choose(["9z. Dragons"]).kind == "damage"
    assert categories.choose(["9z. Dragons"]).category == "FIRE"
    assert categories.choose(["Water shortage"]).kind == "information"


@pytest.mark.parametrize(
    "text, words", [("category,code\n", "column kind"), ("category,kind,code\nA,wish,X\n", "line 2: kind 'wish'")]
)
def test_a_mapping_that_cannot_be(tmp_path, text, words):
    path = tmp_path / "categories.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidMapping, match=words):
        read_mapping(path)


def test_the_real_labels_need_no_mapping(haiti):
    with_mapping, without = book(read_mapping(haiti / "categories.csv")), book()
    for label in read_mapping(haiti / "categories.csv"):
        assert with_mapping.choose([label]) == without.choose([label])
        assert not without.choose([label]).unknown
