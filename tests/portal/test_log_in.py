"""What the portal takes for its log-in provider's word."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from services.chassis.settings import Settings
from services.portal.log_in import LogIn, TheLogOutTokenIsNotGood
from tests.support.issuer import Issuer

EVENT: dict[str, dict[str, str]] = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Issuer]:
    made = Issuer({}).listen(tmp_path / "issuer")
    yield made
    made.close()


def word(provider: Issuer, key: ECKey | None = None) -> str:
    return provider.token("birgit", key=key, typ="logout+jwt", aud="portal", sid="one", events=EVENT)


async def test_a_key_that_the_provider_takes_into_use_counts_at_once_and_forged_words_do_not_drive_us(provider: Issuer) -> None:
    log_in = LogIn(Settings(issuer=provider.url))
    assert await log_in.logged_out(word(provider)) == ("birgit", "one")
    former = word(provider)

    provider.change_key()

    assert await log_in.logged_out(word(provider)) == ("birgit", "one")
    assert provider.asked_for_keys == 2
    for forged in (former, word(provider, ECKey.generate_key("P-256")), "x.y.z"):
        with pytest.raises(TheLogOutTokenIsNotGood):
            await log_in.logged_out(forged)
    assert provider.asked_for_keys == 2
