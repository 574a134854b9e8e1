import pytest

from crowdmap.accounts import passwords
from crowdmap.accounts.passwords import hash_password, new_passphrase, normal_email, outdated, verify, weakness
from crowdmap.accounts.sessions import device
from tests.warm import REAL_HASHER


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "too-short"),
        ("elevenchars", "too-short"),
        ("x" * 257, "too-long"),
        ("aaaaaaaaaaaaaaaa", "too-common"),
        ("123456789012", "too-common"),
        ("password1234", "too-common"),
        ("P@ssw0rd!2010", "too-common"),
        ("qwertyuiop12", "too-common"),
        ("Haiti-earthquake-2010", "too-common"),
        ("motdepasse2026!", "too-common"),
        ("correct horse battery staple", "too-common"),
        ("marie.laurent@example.org", "about-you"),
        ("marie.laurent2010", "about-you"),
        ("five wild geese over the bay", None),
        ("kreyòl pale, kreyòl konprann", None),
        ("我们明天早上去河边散步吧好不好呀", None),
        ("v7#kTq92!xLmZw", None),
    ],
)
def test_weakness(password, code):
    fault = weakness(password, email="marie.laurent@example.org", name="Marie Laurent")
    assert (fault and fault.code) == code


def test_a_passphrase_we_make_is_strong_and_never_the_same():
    made = {new_passphrase() for _i in range(200)}
    assert len(made) == 200
    assert all(weakness(passphrase) is None for passphrase in made)


def test_hash_and_verify():
    password_hash = hash_password("five wild geese over the bay")
    assert password_hash.startswith("$argon2id$")
    assert verify(password_hash, "five wild geese over the bay")
    assert not verify(password_hash, "five wild geese over the boy")
    assert not verify(None, "five wild geese over the bay"), "no account is never right"
    assert not verify("not a hash", "five wild geese over the bay")


def test_the_real_cost_is_that_of_owasp(monkeypatch):
    cheap = hash_password("five wild geese over the bay")
    monkeypatch.setattr(passwords, "_hasher", REAL_HASHER)
    password_hash = hash_password("five wild geese over the bay")
    assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify(password_hash, "five wild geese over the bay") and not outdated(password_hash)
    assert verify(cheap, "five wild geese over the bay") and outdated(cheap)


def test_the_same_letters_composed_otherwise_are_the_same_password():
    assert verify(hash_password("kre\u00f2l pale fransè"), "kreo\u0300l pale fransè")


def test_normal_email():
    assert normal_email("  Marie@Example.ORG ") == "marie@example.org"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "Firefox, Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari, iPhone"),
        ("<script>", "Browser"),
        ("", "Browser"),
    ],
)  # fmt: skip
def test_device(user_agent, words):
    assert device(user_agent) == words
