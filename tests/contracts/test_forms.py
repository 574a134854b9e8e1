"""Every form that changes something can bring its visitor's token."""

import re
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
TOKEN = re.compile(r"csrf_field\(\)|hidden(_fields)?\(\)")  # or one of the macros that write it
MACRO = re.compile(r"{% macro hidden\w*\(\) -?%}(.*?){%-? endmacro", re.DOTALL)
FORM = re.compile(r"<form\b[^>]*\bmethod=[\"']post[\"'].*?</form>", re.DOTALL | re.IGNORECASE)


def test_every_form_that_posts_has_the_token():
    forms = [(page, form) for page in TEMPLATES.rglob("*.html") for form in FORM.findall(page.read_text("utf-8"))]
    assert len(forms) > 5
    assert not [str(page.relative_to(TEMPLATES)) for page, form in forms if not TOKEN.search(form)]
    macros = [body for page in TEMPLATES.rglob("*.html") for body in MACRO.findall(page.read_text("utf-8"))]
    assert all("csrf_field()" in body for body in macros)


def test_no_page_carries_script_or_style_of_its_own():
    """The policy would block it; better to hear it from a test."""
    handlers = r"\bon(?:click|load|submit|change|input|error)="
    inline = re.compile(rf"<script(?![^>]*\bsrc=)|<style\b|\bstyle=[\"']|{handlers}|javascript:", re.IGNORECASE)
    found = [
        f"{page.relative_to(TEMPLATES)}: {match[0]}"
        for page in TEMPLATES.rglob("*.html")
        for match in inline.finditer(page.read_text("utf-8"))
        if "application/json" not in match.string[match.start() : match.start() + 60]
    ]
    assert not found
