"""Posts are signed as others verify them."""

import base64
import time
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from signaling_service.webhook.signing import Secrets

BODY = b'{"cursor": "log-1", "name": "Zo\xc3\xab"}'
OLD = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
NEW = "whsec_" + base64.b64encode(bytes(range(33))).decode()


def secrets_of(tmp_path: Path, text: str) -> Secrets:
    """What a file with this text comes to."""
    file = tmp_path / "secrets"
    file.write_text(text)
    return Secrets(file)


@pytest.mark.parametrize("line", [OLD, NEW, NEW.rstrip("=")])
def test_others_verify_it(tmp_path: Path, line: str) -> None:
    """The public library for receivers does, with the line of the file as it is."""
    headers = secrets_of(tmp_path, f"{line}\n").sign("evt_1", int(time.time()), BODY)

    Webhook(line).verify(BODY, dict(headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(line).verify(BODY + b" ", dict(headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(line).verify(BODY, {**headers, "webhook-id": "evt_2"})


def test_any_text_is_a_secret(tmp_path: Path) -> None:
    """Its bytes are, where it does not begin with whsec_."""
    text = "correct horse battery staple"

    headers = secrets_of(tmp_path, text).sign("evt_1", int(time.time()), BODY)

    Webhook(text.encode()).verify(BODY, dict(headers))


def test_two_secrets_are_two_signatures(tmp_path: Path) -> None:
    """While a secret is changed, who knows either can verify."""
    headers = secrets_of(tmp_path, f"{NEW}\n\n{OLD}\n").sign("evt_1", int(time.time()), BODY)

    assert len(headers["webhook-signature"].split(" ")) == 2
    Webhook(NEW).verify(BODY, dict(headers))
    Webhook(OLD).verify(BODY, dict(headers))


def test_a_changed_file_counts(tmp_path: Path) -> None:
    """From the next post on; one that makes no sense changes nothing."""
    secrets = secrets_of(tmp_path, OLD)
    for text in (NEW, ""):
        (tmp_path / "secrets").write_text(text)

        headers = secrets.sign("evt_1", int(time.time()), BODY)

        Webhook(NEW).verify(BODY, dict(headers))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("\n", "is empty"),
        (f"{OLD}\n{NEW}\n{OLD}", "has 3 secrets; 2 are possible, one a line"),
        ("short", "a secret is shorter than 24 bytes"),
        ("whsec_c2hvcnQ=", "a secret is shorter than 24 bytes"),
        ("whsec_not base64, nor short", "what follows whsec_ is not base64"),
    ],
)
def test_what_is_no_secret(tmp_path: Path, text: str, what: str) -> None:
    """It is said what is wrong, and not what it is."""
    with pytest.raises(ValueError, match=f"^{what}$"):
        secrets_of(tmp_path, text)
