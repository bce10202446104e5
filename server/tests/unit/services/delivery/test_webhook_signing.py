"""Signing: what the published example gives, what the reference package verifies, and what is refused."""

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from src.services.delivery.signing import SignatureRefused, Signer, new_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def test_the_published_example_comes_out_to_the_byte() -> None:
    assert Signer([SECRET]).headers(ID, AT, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_the_published_example_is_verified() -> None:
    Signer([SECRET]).verify(Signer([SECRET]).headers(ID, AT, BODY), BODY, now=AT)


@given(body=st.text().map(str.encode), secret=st.binary(min_size=24, max_size=64), at=st.integers(0, 2**33))
def test_the_reference_package_signs_the_same(body: bytes, secret: bytes, at: int) -> None:
    whsec = "whsec_" + base64.b64encode(secret).decode()
    reference = Webhook(whsec).sign(ID, datetime.fromtimestamp(at, UTC), body.decode())
    assert Signer([whsec]).headers(ID, at, body)["webhook-signature"] == reference


@given(body=st.text().map(str.encode))
def test_the_reference_package_verifies_what_we_sign_with_either_secret_of_a_rotation(body: bytes) -> None:
    headers = Signer([SECRET, OTHER]).headers(ID, int(time.time()), body)
    for holder in (SECRET, OTHER):
        Webhook(holder).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers, json_parse=False)


@given(body=st.text().map(str.encode))
def test_we_verify_what_the_reference_package_signs(body: bytes) -> None:
    signature = Webhook(OTHER).sign(ID, datetime.fromtimestamp(AT, UTC), body.decode())
    headers = {"Webhook-Id": ID, "Webhook-Timestamp": str(AT), "Webhook-Signature": signature}
    Signer([SECRET, OTHER]).verify(headers, body, now=AT)


@given(body=st.binary())
def test_any_bytes_can_be_signed_and_verified(body: bytes) -> None:
    signer = Signer([SECRET])
    signer.verify(signer.headers(ID, AT, body), body, now=AT)


def test_while_rotating_the_first_secret_signs_first() -> None:
    first, second = Signer([SECRET, OTHER]).headers(ID, AT, BODY)["webhook-signature"].split(" ")
    assert first == SIGNATURE
    assert second == Signer([OTHER]).headers(ID, AT, BODY)["webhook-signature"]


@pytest.mark.parametrize(("ours", "theirs"), [([SECRET, OTHER], [OTHER]), ([OTHER], [SECRET, OTHER])])
def test_one_common_secret_is_enough(ours: list[str], theirs: list[str]) -> None:
    Signer(theirs).verify(Signer(ours).headers(ID, AT, BODY), BODY, now=AT)


@pytest.mark.parametrize("age_s", [-300, 0, 300])
def test_a_timestamp_within_five_minutes_is_taken(age_s: int) -> None:
    Signer([SECRET]).verify(Signer([SECRET]).headers(ID, AT, BODY), BODY, now=AT + age_s)


@pytest.mark.parametrize(("age_s", "reason"), [(300.5, "too old"), (-300.5, "future"), (10**9, "old")])
def test_a_timestamp_further_away_is_refused(age_s: float, reason: str) -> None:
    headers = Signer([SECRET]).headers(ID, AT, BODY)
    with pytest.raises(SignatureRefused, match=reason):
        Signer([SECRET]).verify(headers, BODY, now=AT + age_s)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"webhook-id": "msg_other"}, "no signature matches"),
        ({"webhook-timestamp": str(AT + 1)}, "no signature matches"),
        ({"webhook-signature": SIGNATURE.replace("g", "h")}, "no signature matches"),
        ({"webhook-signature": SIGNATURE.replace("v1,", "v1a,")}, "no signature matches"),
        ({"webhook-signature": SIGNATURE.removeprefix("v1,")}, "no signature matches"),
        ({"webhook-signature": SIGNATURE.rstrip("=")}, "no signature matches"),
        ({"webhook-signature": "v1,"}, "no signature matches"),
        ({"webhook-signature": "v1,\u00fc \ud800"}, "no signature matches"),
        ({"webhook-signature": " ".join(["v1,x"] * 17)}, "too many"),
        ({"webhook-signature": ""}, "required"),
        ({"webhook-id": ""}, "required"),
        ({"webhook-timestamp": ""}, "required"),
        ({"webhook-id": "a.b"}, "webhook-id is malformed"),
        ({"webhook-id": "a\nb"}, "webhook-id is malformed"),
        ({"webhook-timestamp": "1e9"}, "not a number"),
        ({"webhook-timestamp": "-1"}, "not a number"),
        ({"webhook-timestamp": "1614265330.5"}, "not a number"),
        ({"webhook-timestamp": "\u0661\u0666"}, "not a number"),
        ({"webhook-timestamp": "9" * 5000}, "not a number"),
    ],
)
def test_a_changed_header_is_refused_and_the_reason_repeats_nothing(changed: dict[str, str], reason: str) -> None:
    headers = Signer([SECRET]).headers(ID, AT, BODY) | changed
    with pytest.raises(SignatureRefused, match=reason) as refused:
        Signer([SECRET]).verify(headers, BODY, now=AT)
    assert refused.value.reason == str(refused.value)
    assert refused.value.reason.isascii()


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    headers = Signer([SECRET]).headers(ID, AT, BODY)
    del headers[name]
    with pytest.raises(SignatureRefused, match="required"):
        Signer([SECRET]).verify(headers, BODY, now=AT)


@given(body=st.binary(max_size=200))
def test_another_body_is_refused(body: bytes) -> None:
    headers = Signer([SECRET]).headers(ID, AT, body)
    for other in (body + b" ", b" " + body, body[:-1] if body else b"x"):
        with pytest.raises(SignatureRefused, match="no signature matches"):
            Signer([SECRET]).verify(headers, other, now=AT)


def test_another_secret_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="no signature matches"):
        Signer([OTHER]).verify(Signer([SECRET]).headers(ID, AT, BODY), BODY, now=AT)


def test_a_good_signature_counts_at_any_place_and_beside_unknown_versions() -> None:
    headers = Signer([SECRET]).headers(ID, AT, BODY)
    headers["webhook-signature"] = f"v1a,AAAA v1,AAAA {SIGNATURE} v2,BBBB"
    Signer([SECRET]).verify(headers, BODY, now=AT)


def test_a_signature_is_not_valid_for_parts_cut_elsewhere() -> None:
    # id "a" with the body "1.x" and id "a.<time>" must never give the same signed bytes
    with pytest.raises(ValueError, match="without a dot"):
        Signer([SECRET]).headers(f"a.{AT}", AT, b"x")


@pytest.mark.parametrize("message_id", ["", "a b", "a.b", "a\r\nb", "\u00fc", "a" * 256])
def test_an_id_that_could_break_a_header_is_not_signed(message_id: str) -> None:
    with pytest.raises(ValueError, match="webhook id"):
        Signer([SECRET]).headers(message_id, AT, BODY)


@pytest.mark.parametrize("timestamp", [-1, 10**15])
def test_a_time_that_is_none_is_not_signed(timestamp: int) -> None:
    with pytest.raises(ValueError, match="timestamp"):
        Signer([SECRET]).headers(ID, timestamp, BODY)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("", "does not begin with whsec_"),
        (SECRET.removeprefix("whsec_"), "does not begin with whsec_"),
        ("WHSEC_" + SECRET.removeprefix("whsec_"), "does not begin with whsec_"),
        ("whsec_", "has 0 bytes"),
        ("whsec_not base64!", "is not base64"),
        (SECRET + "\n", "is not base64"),
        (SECRET[:20] + " " + SECRET[20:], "is not base64"),
        ("whsec_" + "-_" * 20, "is not base64"),
        ("whsec_" + "A" * 33, "is not base64"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "has 23 bytes"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "has 65 bytes"),
        ("whsec_\u00fc", "is not base64"),
    ],
)
def test_a_malformed_secret_is_refused_by_its_place_and_never_shown(secret: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"secret 2 {reason}") as refused:
        Signer([SECRET, secret])
    assert len(secret) < 7 or secret not in str(refused.value)


@pytest.mark.parametrize("secrets", [[], (), SECRET])
def test_there_is_at_least_one_secret_in_a_list(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Signer(secrets)


def test_a_new_secret_is_fresh_long_enough_and_usable() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in secrets} == {32}
    Signer(sorted(secrets))


def test_a_printed_signer_shows_no_secret() -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    shown = f"{Signer([SECRET])} {Signer([SECRET])!r}"
    assert SECRET.removeprefix("whsec_") not in shown
    assert repr(key)[2:-1] not in shown
