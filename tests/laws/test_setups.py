"""Every public encoder is found, and none is tested by less than the laws that it must obey."""

import pytest
from helpers.public_encoders import KINDS, LAWS, PUBLIC, SETUPS, public_encoders

import catpool


def test_every_setup_is_of_a_public_encoder():
    assert [public.name for public in PUBLIC] == [name for name in catpool.__all__ if name in SETUPS]
    assert len(PUBLIC) == len(SETUPS)


def test_what_an_encoder_cannot_do_is_a_law_or_a_kind_of_target_and_has_a_reason():
    for setup in SETUPS.values():
        assert setup.exceptions.keys() <= {*LAWS, *KINDS}
        assert all(setup.exceptions.values())


def test_a_new_encoder_without_a_setup_is_named(monkeypatch):
    class NewEncoder(catpool.MeanEncoder):
        pass

    monkeypatch.setattr(catpool, "NewEncoder", NewEncoder, raising=False)
    monkeypatch.setattr(catpool, "__all__", [*catpool.__all__, "NewEncoder"])
    with pytest.raises(LookupError, match=r"\['NewEncoder'\] are public encoders, but SETUPS in tests/helpers"):
        public_encoders()
