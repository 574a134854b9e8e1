"""Words for formats that show reports to people rather than to programs."""

MOST_HEADLINE = 80  # characters


def headline(told: dict) -> str:
    """A line for a report's properties: its title, else the beginning of its text, else what it is."""
    text = " ".join((told["title"] or told["description"] or "").split())
    if len(text) > MOST_HEADLINE and not told["title"]:
        text = text[: MOST_HEADLINE - 1].rsplit(" ", 1)[0] + "…"
    return text or f"{told['kind']}, {told['category']}"
