"""crowdmap dedupe score, evaluate, train: whole files by the way of a report that has just come in."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from crowdmap.cli import cli

MESSAGES = """id,kind,category,text,lat,lon,time,cluster_id
m1,need,water,"We are 60 people at Place Boyer, no drinking water since two days",18.5134,-72.2813,2010-01-20T02:42,c1
m2,need,water,"Nou se 60 moun nan Place Boyer, nou pa gen dlo pou bwe depi de jou",18.5136,-72.2811,2010-01-20T05:00,c1
m3,need,water,"We are 60 people at Place Boyer, no drinking water since two days. please",18.5134,-72.2813,2010-01-20T06:00,c1
m4,offer,food,"Hot meals for 40 people tonight at Delmas 31, rice and beans",18.5561,-72.3023,2010-01-20T11:52,c2
m5,need,transport,"Bridge is down near Tabarre 27, 80 injured cannot reach the hospital",18.5740,-72.2656,2010-01-21T09:00,c3
"""


@pytest.fixture
def messages(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "messages.csv"
    path.write_text(MESSAGES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return path


def run(*arguments) -> str:
    told = CliRunner().invoke(cli, [str(word) for word in arguments])
    assert told.exit_code == 0, (told.output, told.exception)
    return told.output


def test_score_writes_pairs_by_serial_and_leaves_no_database(messages, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "aside"))
    (tmp_path / "aside").mkdir()
    assert "5 reports" in run("dedupe", "score", messages, "--out", "out.csv")
    rows = list(csv.DictReader(open(tmp_path / "out.csv", encoding="utf-8")))
    scores = {(row["serial_a"], row["serial_b"]): float(row["score"]) for row in rows}
    assert scores["m1", "m3"] > 0.7 and scores["m1", "m2"] > 0.3
    assert all(0 < score < 0.3 for pair, score in scores.items() if not set(pair) <= {"m1", "m2", "m3"})
    assert list((tmp_path / "aside").iterdir()) == [] and not (tmp_path / "instance").exists()


@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_help_says_that_evaluate_scores_anew(command):
    told = " ".join(CliRunner().invoke(cli, ["dedupe", command, "--help"]).output.split())
    assert "anew" in told and "takes no file of predictions" in told


def test_evaluate_prints_every_figure(messages):
    told = run("dedupe", "evaluate", messages, messages)
    for name in ("precision", "recall", "f1", "average precision", "recall@5", "false suggestions"):
        assert name in told
    assert "1.000" in told


def test_files_that_cannot_be_used_are_answered_with_a_sentence(messages, tmp_path):
    (tmp_path / "pairs.csv").write_text("a,b\n1,2\n")
    for words in (("evaluate", messages, "pairs.csv"), ("train", messages), ("train", "--from-decisions", messages, messages), ("train",)):
        told = CliRunner().invoke(cli, ["dedupe", *map(str, words)])
        assert told.exit_code in (1, 2) and "Traceback" not in told.output, told.output
    assert "serial_a" in CliRunner().invoke(cli, ["dedupe", "evaluate", str(messages), "pairs.csv"]).output


def test_the_real_pairs_by_the_published_evaluator(haiti, tmp_path):
    """The messages alone: the whole file of 2010 takes minutes and is for benchmarks/duplicates_quality.py."""
    run("dedupe", "score", haiti / "messages-dev.csv", "--out", tmp_path / "out.csv")
    told = subprocess.run(
        [sys.executable, haiti / "evaluate_duplicates.py", haiti / "messages-dev.csv", tmp_path / "out.csv"],
        capture_output=True, text=True, check=True, env={**os.environ},
    ).stdout  # fmt: skip
    figures = {name: value for name, value in (line.split()[:2] for line in told.splitlines() if len(line.split()) == 2)}
    assert float(figures["f1"]) > 0.88 and float(figures["recall@5_any"]) > 0.92
