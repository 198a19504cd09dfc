"""Which readings of a clock an expression names, and what is said of one that names none."""

from datetime import datetime

import pytest

from kubedag.core import cron, crontext


def readings(text, start, count):
    """The next readings, as `2026-01-31 06:00`."""
    one, here, found = cron.parse(text), datetime.fromisoformat(start), []
    for _ in range(count):
        here = one.after(here)
        found.append(here.isoformat(" ", "minutes"))
    return found


def readings_before(text, start, count):
    one, here, found = cron.parse(text), datetime.fromisoformat(start), []
    for _ in range(count):
        here = one.before(here)
        found.append(here.isoformat(" ", "minutes"))
    return found[::-1]


# (expression, after, the readings that follow; the last one is where the way back begins)
NAMED = [
    pytest.param(
        "0 6 * * *", "2026-01-31 06:00", "2026-02-01 06:00, 2026-02-02 06:00", id="every day"
    ),
    pytest.param(
        "*/20 23 * * *",
        "2026-02-28 23:20:59",
        "2026-02-28 23:40, 2026-03-01 23:00, 2026-03-01 23:20",
        id="some minutes of an hour",
    ),
    pytest.param(
        "0 22-2 * * *",
        "2026-01-01 12:00",
        "2026-01-01 22:00, 2026-01-01 23:00, 2026-01-02 00:00, 2026-01-02 01:00, 2026-01-02 02:00, "
        "2026-01-02 22:00",
        id="a range past midnight",
    ),
    pytest.param(
        "0 0 29 2 *", "2096-02-29", "2104-02-29 00:00, 2108-02-29 00:00", id="29 February, 2100"
    ),
    pytest.param(
        "0 0 31 * *",
        "2026-03-31",
        "2026-05-31 00:00, 2026-07-31 00:00, 2026-08-31 00:00",
        id="a day that not every month has",
    ),
    pytest.param(
        "0 0 L * *",
        "2028-01-01",
        "2028-01-31 00:00, 2028-02-29 00:00, 2028-03-31 00:00",
        id="the last day",
    ),
    pytest.param(
        "0 0 15,L * *",
        "2026-02-01",
        "2026-02-15 00:00, 2026-02-28 00:00, 2026-03-15 00:00",
        id="the last day and another",
    ),
    pytest.param(
        "0 0 15W * *",
        "2026-01-16",
        "2026-02-16 00:00, 2026-03-16 00:00, 2026-04-15 00:00, 2026-05-15 00:00",
        id="the weekday nearest to the 15th",
    ),
    pytest.param(
        "0 0 1W * *",
        "2026-07-15",
        "2026-08-03 00:00, 2026-09-01 00:00",
        id="the weekday nearest to a first that is a Saturday stays in its month",
    ),
    pytest.param(
        "0 0 31W * *",
        "2026-02-01",
        "2026-02-27 00:00, 2026-03-31 00:00, 2026-04-30 00:00, 2026-05-29 00:00",
        id="the weekday nearest to the end",
    ),
    pytest.param(
        "0 0 * * 1#1",
        "2026-01-01",
        "2026-01-05 00:00, 2026-02-02 00:00, 2026-03-02 00:00",
        id="the first Monday",
    ),
    pytest.param(
        "0 0 * * L5",
        "2026-01-01",
        "2026-01-30 00:00, 2026-02-27 00:00, 2026-03-27 00:00",
        id="the last Friday",
    ),
    pytest.param(
        "0 3 13 * 5",
        "2026-02-12",
        "2026-02-13 03:00, 2026-02-20 03:00, 2026-02-27 03:00, 2026-03-06 03:00, 2026-03-13 03:00",
        id="a day of the month or of the week",
    ),
    pytest.param(
        "0 0 * * sat-sun",
        "2026-01-01",
        "2026-01-03 00:00, 2026-01-04 00:00, 2026-01-10 00:00",
        id="names of days, past the end of the week",
    ),
    pytest.param(
        "0 0 1 nov-feb *",
        "2026-02-01",
        "2026-11-01 00:00, 2026-12-01 00:00, 2027-01-01 00:00, 2027-02-01 00:00",
        id="names of months, past the end of the year",
    ),
    pytest.param(
        "0 12 ? * 7", "2026-01-01", "2026-01-04 12:00, 2026-01-11 12:00", id="Sunday as 7"
    ),
    pytest.param("@weekly", "2026-01-01", "2026-01-04 00:00, 2026-01-11 00:00", id="an alias"),
    pytest.param(
        "59/15 * * * *",
        "2026-01-01",
        "2026-01-01 00:59, 2026-01-01 01:59",
        id="a step from the end",
    ),
]


@pytest.mark.parametrize(("text", "start", "expected"), NAMED)
def test_the_readings_that_follow(text, start, expected):
    expected = expected.split(", ")
    assert cron.mistake(text) is None
    assert readings(text, start, len(expected)) == expected
    assert readings_before(text, f"{expected[-1]}:00.000001", len(expected)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param("06:00:00", "2026-01-01 06:00", id="a reading is not before itself"),
        pytest.param("06:00:01", "2026-01-02 06:00", id="but before a second later"),
    ],
)
def test_seconds_count(seconds, expected):
    assert readings_before("0 6 * * *", f"2026-01-02 {seconds}", 1) == [expected]


def test_time_has_an_end():
    one = cron.parse("0 0 1 1 *")
    assert one.after(datetime.fromisoformat("9999-06-01")) is None
    assert one.before(datetime.fromisoformat("0001-01-01")) is None


@pytest.mark.parametrize(
    ("text", "every_hour"),
    [
        pytest.param("30 * * * *", True, id="a star"),
        pytest.param("30 0-23 * * *", True, id="all hours there are"),
        pytest.param("30 */1 * * *", True, id="in steps of one"),
        pytest.param("30 *,5 * * *", True, id="a star and more"),
        pytest.param("30 */2 * * *", False, id="every other hour"),
        pytest.param("@hourly", True, id="an alias"),
        pytest.param("@daily", False, id="another alias"),
    ],
)
def test_the_hour_is_open_or_not(text, every_hour):
    assert cron.parse(text).every_hour == every_hour


@pytest.mark.parametrize("alias", list(crontext.ALIASES))
def test_an_alias_is_what_it_stands_for(alias):
    short, long = cron.parse(alias.upper()), cron.parse(crontext.ALIASES[alias])
    assert (short.days, short.minutes) == (long.days, long.minutes)


def test_spaces_do_not_matter():
    assert cron.parse(" 0\t6  * * * \n") == cron.parse("0 6 * * *")


FIVE = "must have five fields (minute, hour, day of month, month, day of week)"
RARE = "must name a day that comes at least every 8 years; the days of"
LIST = "a range such as 1-5, a step such as */2, or a list of these"
HASHED = "a value that is written out (H and R are chosen by a program)"
MONTH_DAYS = f"*, 1 to 31, L (the last day) or 15W (the weekday nearest to it), {LIST}"
WEEK_DAYS = (
    "*, 0 to 7 (0 and 7 are Sunday), sun to sat, 1#2 (the second Monday) or L5 (the last Friday), "
    f"{LIST}"
)
NUMBERED = "L before the day (L5 is the last Friday of the month) and the day as a number"


def field(name, must, shown):
    return f"must have in its {name} field {must}; {shown!r} is none of that"


REFUSED = [
    pytest.param("", FIVE, id="nothing"),
    pytest.param(" \n", FIVE, id="spaces"),
    pytest.param("0 6 * *", f"{FIVE}; '0 6 * *' has 4", id="four fields"),
    pytest.param(
        "0 0 6 * * *",
        f"{FIVE}: there are no seconds and no years; '0 0 6 * * *' has 6",
        id="seconds",
    ),
    pytest.param(
        "0 0 6 * * * 2026",
        f"{FIVE}: there are no seconds and no years; '0 0 6 * * * 2026' has 7",
        id="years",
    ),
    pytest.param(
        "TZ=Asia/Tokyo 0 6 * * *",
        f"{FIVE}: the time zone has its own place, timeZone; 'TZ=Asia/Tokyo 0 6 * * *' has 6",
        id="a zone",
    ),
    pytest.param(
        "@reboot",
        "must be five fields, or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, "
        "@annually; '@reboot' is neither",
        id="an alias that is none",
    ),
    pytest.param(
        "@every 5m",
        "must be five fields, or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, "
        "@annually; '@every 5m' is neither",
        id="a duration",
    ),
    pytest.param("H * * * *", field("minute", HASHED, "h"), id="a hash"),
    pytest.param("0 H/3 * * *", field("hour", HASHED, "h/3"), id="a hash with a step"),
    pytest.param("H(0-29) 0 * * *", field("minute", HASHED, "h(0-29)"), id="a hash of a range"),
    pytest.param("0 0 R * *", field("day of month", HASHED, "r"), id="a random day"),
    pytest.param(
        "0 \uff16 * * *",
        "must be written in ASCII; '0 \uff16 * * *' is not",
        id="digits that are wide",
    ),
    pytest.param(
        "0 6 * *\u00a0*", "must be written in ASCII; '0 6 * *\\xa0*' is not", id="a hard space"
    ),
    pytest.param(
        "60 * * * *", field("minute", f"*, 0 to 59, {LIST}", "60"), id="a minute that is none"
    ),
    pytest.param("0 24 * * *", field("hour", f"*, 0 to 23, {LIST}", "24"), id="an hour"),
    pytest.param("0 0 0 * *", field("day of month", MONTH_DAYS, "0"), id="a day"),
    pytest.param("0 0 32W * *", field("day of month", MONTH_DAYS, "32w"), id="a nearest day"),
    pytest.param(
        "0 0 L-3 * *", field("day of month", MONTH_DAYS, "l-3"), id="days before the last"
    ),
    pytest.param(
        "0 0 1 13 *", field("month", f"*, 1 to 12 or jan to dec, {LIST}", "13"), id="a month"
    ),
    pytest.param("0 0 * * 8", field("day of week", WEEK_DAYS, "8"), id="a day of the week"),
    pytest.param("0 0 * * monday", field("day of week", WEEK_DAYS, "monday"), id="a long name"),
    pytest.param("0 0 * * 1#6", field("day of week", WEEK_DAYS, "1#6"), id="a sixth Monday"),
    pytest.param(
        "0 0 * * 5L", field("day of week", NUMBERED, "5l"), id="the last Friday as Quartz"
    ),
    pytest.param(
        "0 0 * * Lfri", field("day of week", NUMBERED, "lfri"), id="the last Friday by name"
    ),
    pytest.param(
        "-5 * * * *", field("minute", f"*, 0 to 59, {LIST}", "-5"), id="a negative value"
    ),
    pytest.param(
        "1,,2 * * * *", field("minute", f"*, 0 to 59, {LIST}", "1,,2"), id="an empty item"
    ),
    pytest.param("*/0 * * * *", field("minute", f"*, 0 to 59, {LIST}", "*/0"), id="no step"),
    pytest.param("1;2 * * * *", field("minute", f"*, 0 to 59, {LIST}", "1;2"), id="a semicolon"),
    pytest.param("? * * * *", field("minute", f"*, 0 to 59, {LIST}", "?"), id="any minute"),
    pytest.param(
        "*/90 * * * *",
        field("minute", "a step of at most 60 (each hour begins anew)", "*/90"),
        id="a step past the hour",
    ),
    pytest.param(
        "0 5-5 * * *",
        field("hour", "a range between two different values, or the one value alone", "5-5"),
        id="a range of one, which croniter takes for all",
    ),
    pytest.param(
        "0 0 * * sun-7",
        None,
        id="but a week from Sunday to Sunday",
    ),
    pytest.param(
        "0 0 * * 7-sun",
        field(
            "day of week", "a range between two different values, or the one value alone", "7-sun"
        ),
        id="a range from Sunday to Sunday",
    ),
    pytest.param(
        "0 21-4/2 * * *",
        field(
            "hour",
            "a list of the values instead of a range that goes past the end in steps",
            "21-4/2",
        ),
        id="steps past midnight, which croniter counts wrong",
    ),
    pytest.param(
        "0 0 * * mon,1#1",
        field(
            "day of week",
            "either days of the week, or those of one week of the month (1#2, L5), not both",
            "mon,1#1",
        ),
        id="Mondays and first Mondays",
    ),
    pytest.param(
        "0 0 1 * 1#1",
        "must leave the day of month or the day of week open (*) beside W, # and L5; "
        "'1 … 1#1' has both",
        id="the first and the first Monday, of which croniter forgets one",
    ),
    pytest.param(
        "0 0 15W * 1",
        "must leave the day of month or the day of week open (*) beside W, # and L5; "
        "'15w … 1' has both",
        id="the weekday nearest to the 15th and Mondays",
    ),
    pytest.param("0 0 30 2 *", f"{RARE} '0 0 30 2 *' do not", id="30 February"),
    pytest.param(
        "0 0 31 4,6,9,11 *", f"{RARE} '0 0 31 4,6,9,11 *' do not", id="31 of short months"
    ),
    pytest.param("0 0 * 2 1#5", f"{RARE} '0 0 * 2 1#5' do not", id="a fifth Monday in February"),
    pytest.param("0 0 29 2 *", None, id="but 29 February comes"),
    pytest.param("0 0 30 2 1", None, id="and Mondays in February do"),
    pytest.param("0 0 31W 2 *", None, id="and so does the weekday nearest to its end"),
    pytest.param("0 0 * 4 5#5", None, id="and a fifth Friday in April"),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_what_would_be_right_is_said(text, expected):
    assert cron.mistake(text) == expected


def test_what_is_shown_of_it_is_short():
    assert len(cron.mistake("9" * 128)) < 200
