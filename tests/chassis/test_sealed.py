"""Sealed text opens only where it was sealed, and never again once its key is destroyed."""

import pytest

from services.chassis.errors import NotFound, TryAgainSoon
from services.chassis.ids import new_id
from services.chassis.party import Party
from services.chassis.sealed import Seal, TextWasErased, blind_index, name_tokens, seal_of, wrap_anew
from tests.support.rails import Rails, sealed_round_trip

TEXT = "Mor er træt, men glad."


@pytest.fixture
def seal() -> Seal:
    return Seal(bytes(32), new_id())


def test_what_was_sealed_can_be_opened_in_its_place(seal: Seal) -> None:
    assert seal.open(seal.close(TEXT, "note.text"), "note.text") == TEXT


def test_the_same_text_is_never_sealed_alike(seal: Seal) -> None:
    assert seal.close(TEXT, "note.text") != seal.close(TEXT, "note.text")


@pytest.mark.parametrize("at", [0, 12, -1])
def test_altered_text_does_not_open(seal: Seal, at: int) -> None:
    sealed = bytearray(seal.close(TEXT, "note.text"))
    sealed[at] ^= 1

    with pytest.raises(ValueError, match="altered"):
        seal.open(bytes(sealed), "note.text")


@pytest.mark.parametrize("length", [0, 11, 27])
def test_cut_off_text_does_not_open(seal: Seal, length: int) -> None:
    with pytest.raises(ValueError, match="altered"):
        seal.open(seal.close("", "note.text")[:length], "note.text")


def test_text_moved_to_another_column_does_not_open(seal: Seal) -> None:
    with pytest.raises(ValueError, match="belong"):
        seal.open(seal.close(TEXT, "note.text"), "note.answer")


def test_text_moved_to_another_person_does_not_open(seal: Seal) -> None:
    with pytest.raises(ValueError, match="belong"):
        Seal(bytes(32), new_id()).open(seal.close(TEXT, "note.text"), "note.text")


async def test_a_subject_keeps_its_key(rails: Rails) -> None:
    sealed, opened = await sealed_round_trip(rails.speaker, rails.settings, new_id(), TEXT)

    assert opened == TEXT
    assert TEXT.encode() not in sealed


async def test_erased_text_cannot_be_read_by_anyone(rails: Rails) -> None:
    subject = new_id()
    await sealed_round_trip(rails.speaker, rails.settings, subject, TEXT)
    await rails.sql("speaker", "update sealing_key set wrapped = null, destroyed_at = clock_timestamp()")

    with pytest.raises(TextWasErased):
        async with rails.speaker.transaction() as tx:
            await seal_of(tx, rails.settings.secrets, "0990", subject)


async def test_a_key_moved_to_another_subject_does_not_open(rails: Rails) -> None:
    subject, thief = new_id(), new_id()
    await sealed_round_trip(rails.speaker, rails.settings, subject, TEXT)
    await rails.sql("speaker", "insert into sealing_key select $1, municipality, wrapped_by, wrapped from sealing_key", thief)

    with pytest.raises(ValueError, match="key"):
        async with rails.speaker.transaction() as tx:
            await seal_of(tx, rails.settings.secrets, "0990", thief)


async def test_another_municipality_neither_reads_a_key_nor_seals_with_one_that_would_be_lost(rails: Rails) -> None:
    subject = new_id()
    await sealed_round_trip(rails.speaker, rails.settings, subject, TEXT)

    with pytest.raises(NotFound):
        async with rails.speaker.transaction(Party("municipality", "0991")) as tx:
            await seal_of(tx, rails.settings.secrets, "0991", subject)


async def test_a_key_wrapped_anew_opens_what_was_sealed_and_lies_under_the_other_municipality_s_key(rails: Rails) -> None:
    subject, secrets = new_id(), rails.settings.secrets
    sealed, _ = await sealed_round_trip(rails.speaker, rails.settings, subject, TEXT)

    async with rails.speaker.transaction() as tx:
        await wrap_anew(tx, secrets, "0991", subject)
        await wrap_anew(tx, secrets, "0991", new_id())

    (key,) = await rails.sql("speaker", "select municipality, wrapped_by from sealing_key")
    assert (key["municipality"], key["wrapped_by"].split(".")[0]) == ("0991", "0991")
    async with rails.speaker.transaction(Party("municipality", "0991")) as tx:
        assert (await seal_of(tx, secrets, "0991", subject)).open(sealed, "word.name") == TEXT
    with pytest.raises(NotFound):
        async with rails.speaker.transaction(Party("municipality", "0990")) as tx:
            await seal_of(tx, secrets, "0990", subject)


@pytest.mark.parametrize(("destroyed", "to", "refusal"), [(True, "0991", TextWasErased), (False, "0992", TryAgainSoon)])
async def test_a_key_that_is_destroyed_or_has_nowhere_to_go_is_not_wrapped_anew(
    rails: Rails, destroyed: bool, to: str, refusal: type[Exception]
) -> None:
    subject = new_id()
    await sealed_round_trip(rails.speaker, rails.settings, subject, TEXT)
    if destroyed:
        await rails.sql("speaker", "update sealing_key set wrapped = null, destroyed_at = clock_timestamp()")

    with pytest.raises(refusal):
        async with rails.speaker.transaction() as tx:
            await wrap_anew(tx, rails.settings.secrets, to, subject)


async def test_a_municipality_without_a_key_waits_for_its_operator(rails: Rails) -> None:
    with pytest.raises(TryAgainSoon):
        async with rails.speaker.transaction() as tx:
            await seal_of(tx, rails.settings.secrets, "0992", new_id())


def test_a_value_is_found_by_its_blind_index_and_only_for_the_same_purpose_and_key() -> None:
    one, other = bytes(32), bytes(31) + b"\x01"

    assert blind_index(one, "cpr", "0101901234") == blind_index(one, "cpr", "0101901234")
    assert (
        len(
            {
                blind_index(one, "cpr", "0101901234"),
                blind_index(one, "name", "0101901234"),
                blind_index(other, "cpr", "0101901234"),
            }
        )
        == 3
    )


def test_a_name_is_found_whatever_its_case_and_composition() -> None:
    assert name_tokens(bytes(32), "Åse  Møller") == name_tokens(bytes(32), "ÅSE møller")
