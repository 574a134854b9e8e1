"""What the generator's reports are about, and where they happen: themes, towns with their shore, names."""

from dataclasses import dataclass

from crowdmap.geo import Bbox


@dataclass(frozen=True)
class Theme:
    category: str
    kind: str
    weight: float
    also: tuple[str, ...] = ()  # further categories such a report sometimes has
    unit: str = ""  # of its quantity, if it has one


THEMES = (
    Theme("WAT", "need", 15, ("FOOD",)),
    Theme("FOOD", "need", 14, ("WAT",)),
    Theme("SHEL", "need", 10, ("FOOD", "WAT")),
    Theme("MED", "need", 8),
    Theme("COLL", "damage", 7, ("ROAD",)),
    Theme("ROAD", "damage", 6.5),
    Theme("TRAP", "need", 5, ("COLL",)),
    Theme("MSUP", "need", 5),
    Theme("WDP", "offer", 5, unit="litres"),
    Theme("FDP", "offer", 5, unit="rations"),
    Theme("SAN", "need", 4),
    Theme("HOSP", "offer", 4, unit="beds"),
    Theme("IDP", "information", 3.5, ("SHEL",)),
    Theme("UNST", "damage", 3.5),
    Theme("FOOD", "offer", 2.5, unit="meals"),
    Theme("NFI", "offer", 2.5, unit="tents"),
    Theme("SHEL", "offer", 2),
    Theme("VIT", "offer", 2),
    Theme("MED", "offer", 2),
    Theme("OTH", "information", 2.5),
    Theme("VUL", "need", 2),
    Theme("FUEL", "need", 2),
    Theme("POW", "need", 2),
    Theme("WATC", "need", 1.6),
    Theme("ROAD", "information", 1.6),
    Theme("RUB", "offer", 1.4),
    Theme("QUAK", "damage", 1.2),
    Theme("SAR", "offer", 1),
    Theme("BRID", "damage", 1),
    Theme("COM", "damage", 1),
    Theme("FIRE", "damage", 0.8),
    Theme("THR", "damage", 0.8),
    Theme("LOOT", "damage", 0.7),
    Theme("PRIC", "information", 0.7),
    Theme("MISS", "need", 5),
    Theme("PERS", "information", 4),
    Theme("MINOR", "need", 1),
)


@dataclass(frozen=True)
class Place:
    """A town of the template: how many of the reports are there, how widely, and a box that keeps them off the sea."""

    name: str
    weight: int
    spread_m: float
    land: Bbox


def _place(name: str, weight: int, spread_m: float, west=-75.0, south=17.0, east=-71.0, north=21.0) -> Place:
    return Place(name, weight, spread_m, Bbox(west, south, east, north))


PLACES = (
    _place("Port-au-Prince", 10, 1500, west=-72.3440, south=18.515, north=18.556),
    _place("Delmas", 14, 1400, west=-72.332),
    _place("Pétion-Ville", 9, 1100),
    _place("Carrefour", 10, 1500, north=18.5395, south=18.515),
    _place("Cité Soleil", 6, 700, west=-72.336),
    _place("Tabarre", 5, 1300),
    _place("Croix-des-Bouquets", 5, 1400),
    _place("Kenscoff", 1, 1200),
    _place("Gressier", 2, 900, north=18.5425),
    _place("Léogâne", 9, 1500, north=18.525),
    _place("Grand-Goâve", 3, 700, north=18.4295),
    _place("Petit-Goâve", 4, 800, north=18.4315),
    _place("Jacmel", 6, 1000, south=18.2355),
    _place("Cabaret", 1, 700),
    _place("Saint-Marc", 1, 700, west=-72.6975),
    _place("Gonaïves", 1, 900, west=-72.692),
    _place("Cap-Haïtien", 1, 800, east=-72.204, north=19.762),
    _place("Les Cayes", 1, 800, south=18.196),
    _place("Miragoâne", 1, 500, north=18.4425),
    _place("Mirebalais", 1, 700),
    _place("Bel-Air", 3, 300),
    _place("Fort-National", 2, 300),
    _place("Champ de Mars", 4, 250),
    _place("Turgeau", 3, 350),
    _place("Carrefour-Feuilles", 4, 450),
    _place("Canapé-Vert", 3, 400),
    _place("Nazon", 3, 350),
    _place("Christ-Roi", 2, 300),
    _place("Bolosse", 1, 300, north=18.5315),
    _place("Martissant", 3, 450, north=18.5310),
    _place("Fontamara", 3, 450, north=18.5315),
    _place("Diquini", 2, 350, north=18.5335),
    _place("Mariani", 2, 450, north=18.5400),
    _place("Croix-des-Missions", 2, 500),
    _place("Clercine", 2, 450),
    _place("Santo", 2, 700),
    _place("Bon Repos", 2, 800),
    _place("Thomassin", 1, 500),
)

SPOTS = (("street", 55), ("church", 15), ("school", 12), ("field", 10), ("market", 8))
SPOT_NAMES = {
    "street": "Rue {0}",
    "church": "Église {0}",
    "school": "École {0}",
    "field": "Terrain, rue {0}",
    "market": "Marché {0}",
    "camp": "Camp {0}",
    "delmas": "Delmas {0}",
    "vague": "{0}",
}
STREETS = (
    "des Manguiers", "des Acacias", "du Moulin", "de la Source", "des Flamboyants", "Espérance", "des Orangers",
    "de la Paix", "du Puits", "des Palmiers", "du Canal", "Sainte-Rose", "Bellevue", "des Tisserands", "du Calvaire",
    "de la Fontaine", "des Lauriers", "Alcius", "Bonne-Nouvelle", "des Amandiers", "Toussaint", "des Rosiers",
    "du Petit-Pont", "Saint-Michel", "des Cordonniers", "Mapou", "de l'Aurore", "des Potiers",
)  # fmt: skip
SAINTS = (
    "Sainte-Rose", "Saint-Michel", "Sainte-Marthe", "Saint-Yves", "Notre-Dame", "de la Grâce", "Sainte-Claire",
    "Saint-Martin", "de l'Espoir", "du Bon Berger", "Saint-Joseph", "Sainte-Cécile",
)  # fmt: skip
CAMPS = (
    "Place de la Source", "Terrain Saint-Martin", "Espérance", "Jardin Mapou", "Bonne-Nouvelle", "Place des Palmiers",
    "Stade Toussaint", "Cour des Manguiers", "Plaine Verte", "Nouvelle Aurore", "Kan Solidarite", "Men Nan Men",
)  # fmt: skip
MARKETS = ("du Canal", "Bellevue", "du Petit-Pont", "Mapou")
NAMES = {"street": STREETS, "church": SAINTS, "school": SAINTS, "field": STREETS, "market": MARKETS}
FIRST_NAMES = (
    "Mirlande", "Jean-Robert", "Rose-Laure", "Wilner", "Guerline", "Frantz", "Nadège", "Emmanuel", "Islande", "Kervens",
    "Marie-Ange", "Peterson", "Fabiola", "Dieudonné", "Lovely", "Stanley", "Yolette", "Junior", "Carline", "Rodrigue",
)  # fmt: skip
SURNAMES = (
    "Alcius", "Bellegarde", "Charlot", "Desroses", "Estimable", "Fleurimond", "Germinal", "Honorat", "Jolicoeur",
    "Lafleur", "Merisier", "Noncent", "Petit-Jour", "Remarais", "Sincère", "Valcin",
)  # fmt: skip

# where relatives abroad write from: city, lon, lat; all outside the area of the crisis
ABROAD = (
    ("Miami", -80.1936, 25.7743),
    ("New York", -73.9496, 40.6501),
    ("Montréal", -73.6010, 45.5515),
    ("Boston", -71.0893, 42.2843),
    ("Paris", 2.3522, 48.8566),
    ("Saint-Domingue", -69.9312, 18.4861),
)
