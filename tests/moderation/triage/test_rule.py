"""Rules by themselves: what they accept, what they match, how they read. No database."""

import itertools
import random

import pytest
from pydantic import ValidationError

from crowdmap.moderation.sources import History, trust
from crowdmap.moderation.triage.rule import Conditions, Effects, Facts, RuleWords, Volume, holds_words, matched
from crowdmap.moderation.triage.verdict import Flood, Standing, decide
from crowdmap.reports.models import Kind

CALM = Flood(30, 10, 30)


def facts(**changed) -> Facts:
    values = {
        "kind": Kind.NEED, "codes": ("WAT",), "sectors": frozenset({"wash"}), "channel": "web", "text": "No water since Tuesday",
        "organisation": None, "restricted": False, "out_of_area": False, "suspicious": False, "held": lambda: None,
        "ask_trust": lambda: 0.8, "ask_area": lambda: "Léogâne", "more_than": lambda n, minutes, of: False,
    }  # fmt: skip
    return Facts(**{**values, **changed})


def rule(effect="publish", **conditions) -> Standing:
    return Standing(1, "A rule", Conditions(**conditions), Effects(decide=effect))


def verdict(*rules, after=False, flood=CALM, **changed):
    return decide(rules, facts(**changed), flood=flood, after=after)


@pytest.mark.parametrize(("conditions", "changed", "met"), [
    ({"trust_at_least": 0.7}, {}, True),
    ({"trust_at_least": 0.9}, {}, False),
    ({"trust_below": 0.9}, {}, True),
    ({"trust_below": 0.8}, {}, False),
    ({"organisations": ["wash"]}, {}, False),
    ({"organisations": ["wash"]}, {"organisation": "wash"}, True),
    ({"areas": ["Jacmel", "Léogâne"]}, {}, True),
    ({"areas": ["Jacmel"]}, {}, False),
    ({"areas": ["Jacmel"]}, {"ask_area": lambda: None}, False),
    ({"kinds": ["offer"]}, {}, False),
    ({"categories": ["FOO", "WAT"]}, {}, True),
    ({"sectors": ["health"]}, {}, False),
    ({"channels": ["sms"]}, {}, False),
    ({"words": ["WÁTER"]}, {}, True),
    ({"words": ["wat"]}, {}, False),
    ({"words": ["wat*"]}, {}, True),
    ({"words": ["since tuesday"]}, {}, True),
    ({"words": ["tuesday since"]}, {}, False),
    ({"volume": {"more_than": 5, "minutes": 10, "of": "source"}}, {}, False),
    ({"volume": {"more_than": 5, "minutes": 10, "of": "source"}}, {"more_than": lambda *asked: asked == (5, 10, "source")}, True),
    ({"categories": ["WAT"], "areas": ["Jacmel"]}, {}, False),
    ({"categories": ["WAT"], "areas": ["Léogâne"], "trust_at_least": 0.8}, {}, True),
])  # fmt: skip
def test_all_conditions_must_hold(conditions, changed, met):
    assert (matched(Conditions(**conditions), facts(**changed)) is not None) == met


def test_a_question_is_asked_only_where_all_else_holds():
    def never(*_args):
        raise AssertionError("nobody needed to know")

    conditions = Conditions(categories=["FOO"], areas=["Léogâne"], trust_at_least=0.1)
    assert matched(conditions, facts(ask_trust=never, ask_area=never)) is None


@pytest.mark.parametrize(("words", "field"), [
    ({"conditions": {"words": ["x"]}, "effects": {}}, "decide"),
    ({"conditions": {}, "effects": {"decide": "publish"}}, "conditions"),
    ({"conditions": {"volume": {"more_than": 3, "minutes": 1}}, "effects": {"decide": "publish"}}, "conditions"),
    ({"conditions": {"trust_at_least": 0.7, "trust_below": 0.5}, "effects": {"escalate": True}}, "trust_below"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(words, field):
    with pytest.raises(ValidationError) as caught:
        RuleWords.model_validate({"name": "X", **words})
    assert caught.value.errors()[0]["ctx"]["field"] == field


@pytest.mark.parametrize("conditions", [
    {"trust_at_least": 0}, {"trust_at_least": 1.1}, {"trust_at_least": float("nan")}, {"words": ["…"]}, {"words": ["x" * 81]},
    {"kinds": ["wish"]}, {"volume": {"more_than": 0, "minutes": 1}}, {"volume": {"more_than": 1}}, {"colour": "red"}, {"areas": ["x"] * 51},
])  # fmt: skip
def test_bad_conditions_are_refused(conditions):
    with pytest.raises(ValidationError):
        Conditions.model_validate(conditions)


def test_the_first_that_decides_counts_and_the_rest_adds_up():
    raises = Standing(2, "Raises", Conditions(categories=["WAT"]), Effects(escalate=True, assign_to=7))
    again = Standing(3, "Raises again", Conditions(words=["water"]), Effects(decide="publish", escalate=True, assign_to=8))
    found = verdict(raises, rule("review", categories=["WAT"]), again)
    assert not found.publish and found.decided_by.effects.decide == "review"
    assert found.escalated_by == ["Raises", "Raises again"] and found.assigned_to == 7
    assert [one.decides for one in found.applied] == [False, True, False]
    assert verdict(rule("publish", kinds=["offer"]), again).publish


@pytest.mark.parametrize(("changed", "why"), [
    ({"restricted": True}, "restricted"), ({"out_of_area": True}, "out-of-area"), ({"suspicious": True}, "suspicious"),
    ({"held": lambda: "held"}, "held"), ({"held": lambda: "held-network"}, "held-network"),
    ({"more_than": lambda n, minutes, of: of == "all"}, "flood"),
    ({"more_than": lambda n, minutes, of: of == "source"}, "flood-source"),
    ({"more_than": lambda n, minutes, of: of == "network"}, "flood-network"),
])  # fmt: skip
@pytest.mark.parametrize("after", [False, True])
def test_what_is_never_published_unread(changed, why, after):
    found = verdict(rule(categories=["WAT"]), after=after, **changed)
    assert not found.publish and found.held_back == why
    assert not verdict(rule("review", words=["fire"]), after=True, **changed).publish


def test_without_a_rule_nothing_is_published_and_a_brake_of_0_lets_nothing_through():
    assert not verdict(after=True).publish
    assert verdict(rule("review", words=["fire"]), after=True).publish
    assert not verdict(rule("review", words=["water"]), after=True).publish
    for brake in (Flood(0, 10, 30), Flood(30, 0, 30), Flood(30, 10, 0)):
        assert not verdict(rule(categories=["WAT"]), after=True, flood=brake).publish


def random_rule(pick: random.Random, number: int) -> Standing:
    conditions = {}
    for name, values in {
        "kinds": list(Kind), "categories": ["WAT", "FOO", "MISS"], "areas": ["Léogâne", "Jacmel"], "channels": ["web", "api"],
        "words": ["water", "fire*"], "organisations": ["wash"],
    }.items():  # fmt: skip
        if pick.random() < 0.3:
            conditions[name] = pick.sample(values, pick.randint(1, len(values)))
    if pick.random() < 0.3:
        conditions["trust_at_least"] = pick.choice([0.3, 0.7])
    if pick.random() < 0.2:
        conditions["volume"] = Volume(more_than=pick.randint(1, 40), minutes=pick.randint(1, 60), of=pick.choice(["all", "source"]))
    effects = Effects(decide=pick.choice(["publish", "publish", "review", None]), escalate=pick.random() < 0.2)
    return Standing(number, f"Rule {number}", Conditions(**conditions), effects)


def random_facts(pick: random.Random) -> Facts:
    arrived, network, own = pick.randint(1, 60), pick.randint(1, 60), pick.randint(1, 20)
    return facts(
        kind=pick.choice(list(Kind)), codes=tuple(pick.sample(["WAT", "FOO", "MISS"], pick.randint(1, 2))), channel=pick.choice(["web", "api", "sms"]),
        text=pick.choice(["No water", "Fires everywhere", "…", ""]), organisation=pick.choice([None, "wash"]),
        restricted=pick.random() < 0.2, out_of_area=pick.random() < 0.2, suspicious=pick.random() < 0.1,
        held=lambda held=pick.choice(["held", "held-network", *[None] * 18]): held, ask_trust=lambda trusted=pick.random(): trusted,
        ask_area=lambda area=pick.choice(["Léogâne", "Jacmel", None]): area,
        more_than=lambda n, minutes, of, count={"all": arrived, "network": network, "source": own}: count[of] > n,
    )  # fmt: skip


def test_whatever_the_rules_a_flood_and_the_restricted_are_never_published_and_nobody_publishes_what_no_rule_says():
    pick = random.Random(5)
    published = 0
    for _turn in range(3000):
        rules = [random_rule(pick, number) for number in range(1, pick.randint(2, 6))]
        came, after = random_facts(pick), pick.random() < 0.4
        found = decide(rules, came, flood=CALM, after=after)
        if not found.publish:
            continue
        published += 1
        assert not (came.restricted or came.out_of_area or came.suspicious or came.held())
        assert not came.more_than(CALM.a_minute, 1, "all") and not came.more_than(CALM.of_source, 10, "source")
        assert not came.more_than(CALM.of_network, 10, "network")
        matching = [one for one in rules if one.effects.decide and matched(one.conditions, came) is not None]
        if matching:
            assert found.decided_by is matching[0] and matching[0].effects.decide == "publish"
        else:
            assert after and found.decided_by is None
    assert published > 100


def test_a_phrase_is_looked_for_as_search_folds_it():
    assert holds_words("Léogâne", " we are in leogane now ")
    assert not holds_words("go", " leogane ")


# ---- trust


@pytest.mark.parametrize(("history", "least", "most"), [
    (History(), 0, 0),
    (History(1, published=1, age_hours=48), 0.33, 0.34),
    (History(3, published=3, age_hours=48), 0.6, 0.6),
    (History(5, published=5, age_hours=48), 0.71, 0.72),
    (History(10, published=10, age_hours=48), 0.83, 0.84),
    (History(10, published=10, age_hours=0), 0.66, 0.67),
    (History(10, published=10, verified=10, age_hours=48), 0.9, 0.92),
    (History(11, published=10, false=1, age_hours=48), 0.55, 0.56),
    (History(11, published=10, hidden=1, age_hours=48), 0.71, 0.72),
    (History(50, merged=50, age_hours=48), 0.28, 0.3),  # copies alone earn next to nothing
    (History(9, published=3, merged=4, age_hours=48), 0.71, 0.72),
    (History(3, false=3, age_hours=480), 0, 0),
    (History(200, published=200, verified=200, age_hours=1e9), 0.99, 1),
])  # fmt: skip
def test_trust(history, least, most):
    assert least <= trust(history) <= most


def test_trust_is_monotone_and_bounded():
    names, values = ("published", "verified", "merged", "age_hours", "false", "hidden"), (0, 1, 4)
    for combination in itertools.product(values, repeat=len(names)):
        here = dict(zip(names, combination, strict=True))
        before = trust(History(**here))
        assert 0 <= before <= 1
        for name in names:
            after = trust(History(**{**here, name: here[name] + 1}))
            assert after <= before if name in ("false", "hidden") else after >= before, (here, name)
