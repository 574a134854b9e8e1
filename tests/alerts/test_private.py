"""What a receiver gets holds nothing that a public feed would not show."""

from tests.contracts.test_private_marks import leaks, planted  # noqa: F401


def test_no_message_holds_a_mark(session, planted, subscribe, carry, receiver):  # noqa: F811
    subscribe(since=0)
    subscribe(since=0, filter={"status": "all"})
    carry()
    told = {feature["id"] for message in receiver.messages for feature in message.data["features"]}
    assert planted["need"] in told and not told & {planted["restricted"], planted["pending"]}
    for came in receiver.messages + receiver.challenges:
        assert not leaks(came.raw.decode() + str(came.headers))
