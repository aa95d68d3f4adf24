"""The threads of linear algebra are limited once by contexts within each other."""

from contextlib import contextmanager

from catpool.priors.numerics import blas


class Controller:
    """Notes the limits that are set and taken back."""

    def __init__(self):
        self.notes = []

    @contextmanager
    def limit(self, limits, user_api):
        self.notes.append((limits, user_api))
        yield
        self.notes.append("end")


def test_a_limit_that_holds_is_not_set_again(monkeypatch):
    controller = Controller()
    monkeypatch.setattr(blas, "_controller", lambda: controller)
    with blas.blas_threads(1), blas.blas_threads(1), blas.blas_threads(None):
        assert controller.notes == [(1, "blas")]
    assert controller.notes == [(1, "blas"), "end"]
    with blas.blas_threads(1), blas.blas_threads(2):
        assert controller.notes[2:] == [(1, "blas"), (2, "blas")]
    assert controller.notes[4:] == ["end", "end"]
