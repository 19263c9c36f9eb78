"""The device to which a token is bound: the claim `device_id`."""

import pytest
from support.gateway import Key
from support.kit import verifier_of

from lightbox_shared.auth.principal import Principal, Scope
from lightbox_shared.auth.tokens import MAX_TOKEN_LENGTH, TokenVerifier
from lightbox_shared.errors import InvalidToken

ACCOUNT = {"sub": "account:7", "jti": "t", "exp": 1, "authority": 102, "sid": 5, "scope": "collect"}
SERVICE = {"sub": "service:gateway", "jti": "t", "exp": 1}


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


@pytest.fixture
def verifier(key: Key) -> TokenVerifier:
    return verifier_of(key)


@pytest.mark.parametrize("device_id", ["12345", " 12345 ", "ward/3", "e\u0301", "\u00e9", "\u0430", "\U0001fa7b" * 255])
async def test_a_token_of_a_device(verifier: TokenVerifier, key: Key, device_id: str) -> None:
    token = key.token(scope="collect", device_id=device_id)
    assert len(token) <= MAX_TOKEN_LENGTH
    principal = await verifier.verify(token)
    assert (principal.device_id, principal.account_id) == (device_id, 7)
    assert principal.scopes == frozenset({Scope.COLLECT})


async def test_a_token_without_the_claim_is_not_bound(verifier: TokenVerifier, key: Key) -> None:
    assert (await verifier.verify(key.token(scope="collect"))).device_id is None
    assert Principal.from_claims(SERVICE).device_id is None


@pytest.mark.parametrize("claim", [None, 7, True, ["12345"], {"12345": 1}], ids=repr)
async def test_a_claim_that_is_no_text_is_no_token(verifier: TokenVerifier, key: Key, claim: object) -> None:
    for claims in (ACCOUNT, SERVICE):
        with pytest.raises(TypeError, match="device_id"):
            Principal.from_claims({**claims, "device_id": claim})
    with pytest.raises(InvalidToken):
        await verifier.verify(key.token(device_id=claim))


def test_no_service_speaks_for_a_device() -> None:
    for device_id in ("12345", ""):
        with pytest.raises(ValueError, match="device_id"):
            Principal.from_claims({**SERVICE, "device_id": device_id})
