import pytest


@pytest.fixture
def one_start(monkeypatch):
    """`elfnet, solved` as one network instead of the mean of four, where it is the rest that is tested."""
    monkeypatch.setattr("auric.ruler.solved.STARTS", 1)
