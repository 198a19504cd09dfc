"""Time zones are those of the pinned package, and no name leads anywhere else."""

import zoneinfo

import pytest

from kubedag.core import zones

NOT_A_ZONE = "must be the name of an IANA time zone"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("Europe/Amsterdam", id="a city"),
        pytest.param("America/Argentina/Buenos_Aires", id="a city of a country"),
        pytest.param("Etc/UTC", id="the default"),
        pytest.param("UTC", id="the same for short"),
        pytest.param("Asia/Calcutta", id="an old name"),
        pytest.param("US/Eastern", id="an even older one"),
        pytest.param("Etc/GMT-14", id="an offset"),
    ],
)
def test_a_zone_is_known(name):
    assert zones.mistake(name) is None
    assert zones.load(name).key == name


def test_every_zone_can_be_read():
    assert {zones.load(name).key for name in zones.names()} == zones.names()
    assert len(zones.names()) > 500


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="nothing"),
        pytest.param(".", id="a point"),
        pytest.param("..", id="two points"),
        pytest.param("../zones", id="a path to elsewhere"),
        pytest.param("Europe/../Europe/Amsterdam", id="a path that comes back"),
        pytest.param("/etc/localtime", id="an absolute path"),
        pytest.param("Europe", id="a folder"),
        pytest.param("Europe/", id="a folder, said to be one"),
        pytest.param("Europe//Amsterdam", id="two slashes"),
        pytest.param("Europe\\Amsterdam", id="the other slash"),
        pytest.param("Europe/Amsterdam\0", id="a byte that ends names"),
        pytest.param("zone1970.tab", id="a file that is no zone"),
        pytest.param("__init__.py", id="a file that is code"),
        pytest.param("localtime", id="the machine's own zone"),
        pytest.param("posixrules", id="the machine's own rules"),
        pytest.param("Factory", id="the zone of a machine nobody has set"),
        pytest.param("posix/Europe/Amsterdam", id="a copy without leap seconds"),
        pytest.param("CEST-1CEST,M3.5.0,M10.5.0/3", id="rules written out"),
        pytest.param("x" * 64, id="as long as may be"),
        pytest.param("Ευρώπη/Αθήνα", id="other letters"),
    ],
)
def test_anything_else_is_refused(name):
    assert zones.mistake(name).startswith(NOT_A_ZONE)
    with pytest.raises(KeyError):
        zones.load(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("europe/amsterdam", "Europe/Amsterdam", id="small letters"),
        pytest.param("AMERICA/NEW_YORK", "America/New_York", id="capitals"),
        pytest.param("America/New York", "America/New_York", id="a space"),
        pytest.param("Amsterdam", "Europe/Amsterdam", id="a city alone"),
        pytest.param("new york", "America/New_York", id="a city alone, as it is spelt"),
        pytest.param("Europe/Amsterdan", "Europe/Amsterdam", id="a slip"),
        pytest.param("Etc/gmt+2", "Etc/GMT+2", id="an offset in small letters"),
    ],
)
def test_what_was_probably_meant_is_said(name, hint):
    assert zones.mistake(name) == f"{NOT_A_ZONE}; {name!r} is none (did you mean {hint!r}?)"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("CEST", id="an abbreviation: EST is far away"),
        pytest.param("GMT+2", id="an offset: Etc/GMT+2 is the other way round"),
        pytest.param("UTC+2", id="an offset: UTC is something else"),
        pytest.param("Mumbai", id="a city that is none of the list's"),
    ],
)
def test_nothing_is_guessed_that_would_be_wrong(name):
    expected = f"{NOT_A_ZONE}; {name!r} is none (such as Europe/Amsterdam or Etc/UTC)"
    assert zones.mistake(name) == expected


def test_the_machine_has_no_say(tmp_path):
    wrong = tmp_path / "Europe" / "Amsterdam"
    wrong.parent.mkdir()
    wrong.write_bytes(b"no zone at all")
    zones.load.cache_clear()
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    try:
        assert zones.load("Europe/Amsterdam").key == "Europe/Amsterdam"
    finally:
        zoneinfo.reset_tzpath()
