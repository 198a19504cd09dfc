import pytest

from kubedag.shell import departed


@pytest.mark.parametrize(
    ("uid", "version", "expected"),
    [
        ("gone", "4", True),
        ("gone", "5", False),
        ("gone", "6", False),
        ("gone", "not-a-number", False),
        ("other", "4", False),
    ],
)
def test_only_older_news_of_what_has_gone_is_outlived(uid, version, expected):
    known = departed.Departed()
    known.note("gone", "5")
    assert known.outlived(uid, version) is expected


def test_the_oldest_are_forgotten_and_what_goes_twice_counts_anew(monkeypatch):
    monkeypatch.setattr(departed, "REMEMBERED_MAX", 2)
    known = departed.Departed()
    for uid in ("first", "second", "first", "third"):
        known.note(uid, "5")
    assert [known.outlived(uid, "4") for uid in ("first", "second", "third")] == [
        True,
        False,
        True,
    ]
