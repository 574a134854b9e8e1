import re
import time

import pyotp
import pytest
from sqlalchemy import update

from crowdmap.accounts import verbs
from crowdmap.accounts.models import Account
from crowdmap.accounts.second_factor import MOST_TRIES, STEP_S, matching_step, new_key
from tests.accounts.test_signing_in import TOKEN, is_in, post_login
from tests.builders import PASSWORD, make_account, sign_in

KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = 1_800_000_000.0
STEP = int(NOW // STEP_S)


def code(step):
    return pyotp.TOTP(KEY).generate_otp(step)


@pytest.mark.parametrize(
    ("typed", "after", "step"),
    [
        (code(STEP), None, STEP),
        (code(STEP - 1), None, STEP - 1),
        (code(STEP + 1), None, STEP + 1),
        (code(STEP - 2), None, None),
        (code(STEP + 2), None, None),
        (f" {code(STEP)[:3]} {code(STEP)[3:]} ", None, STEP),
        (code(STEP), STEP - 1, STEP),
        (code(STEP), STEP, None),
        (code(STEP - 1), STEP, None),
        ("", None, None),
        ("١٢٣٤٥٦", None, None),
        ("\ud800", None, None),
    ],
)
def test_matching_step(typed, after, step):
    assert matching_step(KEY, typed, after, NOW) == step


def test_keys_have_160_bits():
    assert re.fullmatch(r"[A-Z2-7]{32}", new_key())


def send(client, path, **fields):
    token = TOKEN.search(client.get(path).text)[1]
    return client.post(path, data={"csrf_token": token, **fields})


def with_code(session):
    account = make_account()
    session.execute(update(Account).where(Account.id == account.id).values(totp_secret=KEY))
    session.commit()
    return account


def present_code(ahead=0):
    return code(int(time.time() // STEP_S) + ahead)


def test_setting_it_up_and_signing_in_with_it(client, session):
    account = make_account()
    other = sign_in(client.application.test_client(), account)
    sign_in(client, account)
    page = client.get("/account/code").text
    key = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    assert "data:image/svg+xml" in page
    assert send(client, "/account/code", code="000000").status_code in (422,)
    assert send(client, "/account/code", code=pyotp.TOTP(key).now()).status_code == 303
    assert is_in(client) and not is_in(other)
    fresh = client.application.test_client()
    answer = post_login(fresh, account.email, next="/account")
    assert answer.headers["Location"] == "/login/code?next=/account" and not is_in(fresh)
    used = pyotp.TOTP(key).now()
    assert send(fresh, "/login/code", code=used).status_code == 422, "the code that switched it on is used up"
    later = pyotp.TOTP(key).generate_otp(int(time.time() // STEP_S) + 1)
    answer = send(fresh, "/login/code", code=later, next="/account")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert is_in(fresh)


def test_guessing_codes_is_stopped(client, session):
    post_login(client, with_code(session).email)
    for _i in range(MOST_TRIES):
        assert send(client, "/login/code", code="000000").status_code == 422
    refused = send(client, "/login/code", code=present_code())
    assert refused.status_code == 422 and "too often" in refused.text
    assert not is_in(client)


def test_the_code_alone_or_after_a_change_opens_nothing(client, session):
    account = with_code(session)
    token = TOKEN.search(client.get("/login").text)[1]
    alone = client.post("/login/code", data={"csrf_token": token, "code": present_code()})
    assert alone.headers["Location"] == "/login"
    post_login(client, account.email)
    verbs.change_password(account.id, "$argon2id$another")
    session.commit()
    assert client.get("/login/code").headers["Location"] == "/login"


def test_switching_it_off_needs_the_password(client, session):
    account = with_code(session)
    sign_in(client, account)
    assert client.post("/account/code/off", data={"current": "wrong"}).status_code == 422
    assert client.post("/account/code/off", data={"current": PASSWORD}).status_code == 303
    assert post_login(client.application.test_client(), account.email).headers["Location"] == "/moderate"


def test_a_reset_link_takes_it_off(client, session):
    account = with_code(session)
    token = verbs.make_reset_link(account.id, by=None)
    session.commit()
    assert send(client, "/reset/" + token, password="nine slow herons at dusk").status_code == 303
    assert post_login(client, account.email, "nine slow herons at dusk").headers["Location"] == "/moderate"
