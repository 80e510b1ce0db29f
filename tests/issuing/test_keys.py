"""How a key is named."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signaling_service.issuing.keys import signing_key

# RFC 8037 §A.1 and §A.3: a key, and what its thumbprint is
D = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_key_is_named_by_its_thumbprint() -> None:
    """As the RFC reckons it for its own example."""
    key = signing_key(Ed25519PrivateKey.from_private_bytes(D))

    assert key.jwk == {
        "crv": "Ed25519",
        "kty": "OKP",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": THUMBPRINT,
        "alg": "EdDSA",
        "use": "sig",
    }
