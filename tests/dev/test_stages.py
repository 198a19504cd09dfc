"""``make test`` stops where it should, and its last line tells the truth."""

import sys
from pathlib import Path

import pytest

from dev import test as runner

REPORT = """<testsuites><testsuite tests="7" failures="{failures}" errors="{errors}" skipped="2">
</testsuite></testsuites>"""


@pytest.fixture
def reports(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(runner, "REPORTS", tmp_path)
    return tmp_path


def _exits(code: int, **more) -> runner.Step:
    return runner.Step((sys.executable, "-c", f"raise SystemExit({code})"), **more)


def _writes(report: str, code: int, failures: int, path: Path) -> runner.Step:
    text = REPORT.format(failures=failures, errors=0)
    script = f"open({str(path / report)!r}, 'w').write({text!r}); raise SystemExit({code})"
    return runner.Step((sys.executable, "-c", script), report=report)


@pytest.mark.parametrize(
    ("failures", "errors", "expected"),
    [
        pytest.param(0, 0, runner.Count(5, 0, 2), id="all-pass"),
        pytest.param(1, 0, runner.Count(4, 1, 2), id="a-failure"),
        pytest.param(1, 2, runner.Count(2, 3, 2), id="errors-count-as-failures"),
    ],
)
def test_a_report_is_counted_case_by_case(reports, failures, errors, expected):
    path = reports / "r.xml"
    path.write_text(REPORT.format(failures=failures, errors=errors))
    assert runner.count_report(path) == expected


@pytest.mark.parametrize(
    ("step", "code", "expected"),
    [
        pytest.param(runner.Step(("x",)), 0, runner.Count(1, 0), id="a-check-that-passes"),
        pytest.param(runner.Step(("x",)), 2, runner.Count(0, 1), id="a-check-that-fails"),
        pytest.param(runner.Step(("x",), "no.xml"), 5, runner.Count(0, 1), id="no-tests-found"),
    ],
)
@pytest.mark.usefixtures("reports")
def test_a_program_that_fails_is_never_counted_as_fine(step, code, expected):
    assert runner.judge(step, code) == expected


def test_a_run_stops_at_the_first_stage_that_fails_and_still_adds_up(reports, capfd):
    stages = (
        runner.Stage("one", (_writes("one.xml", 0, 0, reports),)),
        runner.Stage("two", (_writes("two.xml", 1, 1, reports), _exits(0))),
        runner.Stage("three", (_exits(0),)),
    )
    assert runner.run(stages) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == "9 passed, 1 failed"
    assert "three        not run" in lines


def _says(text, code=0):
    return runner.Step((sys.executable, "-c", f"print({text!r}); raise SystemExit({code})"))


@pytest.mark.usefixtures("reports")
def test_a_stage_beside_another_is_shown_in_one_piece_at_its_own_place(capfd):
    stages = (
        runner.Stage("long", (_says("first"), _says("second"))),
        runner.Stage("next", (_says("third"),)),
        runner.Stage("quiet", (_says("beside"), _says("beside too")), beside="long"),
    )
    assert runner.run(stages) == 0
    said = capfd.readouterr().out.splitlines()
    order = ["first", "second", "third", "beside", "beside too"]
    assert [line for line in said if line in order] == order
    assert said[-1] == "5 passed, 0 failed"


@pytest.mark.usefixtures("reports")
def test_a_stage_that_had_begun_is_told_of_although_the_one_beside_it_failed(capfd):
    stages = (
        runner.Stage("long", (_exits(1),)),
        runner.Stage("next", (_exits(0),)),
        runner.Stage("quiet", (_exits(1),), beside="long"),
    )
    assert runner.run(stages) == 1
    said = capfd.readouterr().out.splitlines()
    assert said[-1] == "0 passed, 2 failed"
    assert "next         not run" in said


@pytest.mark.usefixtures("reports")
def test_a_stage_that_is_alone_runs_at_its_own_place(capfd):
    stages = (runner.Stage("quiet", (_says("alone"),), beside="long"),)
    assert runner.run(stages) == 0
    assert "alone" in capfd.readouterr().out


@pytest.mark.usefixtures("reports")
def test_one_linter_that_fails_does_not_hide_the_next(capfd):
    stage = runner.Stage("lint", (_exits(1), _exits(0), _exits(3)), go_on=True)
    assert runner.run((stage,)) == 1
    assert capfd.readouterr().out.splitlines()[-1] == "1 passed, 2 failed"


def test_a_report_of_an_earlier_run_is_not_counted(reports, capfd):
    (reports / "old.xml").write_text(REPORT.format(failures=0, errors=0))
    assert runner.run((runner.Stage("only", (_exits(1, report="old.xml"),)),)) == 1
    assert capfd.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


@pytest.mark.usefixtures("reports")
def test_a_program_that_is_not_there_is_a_failure(capfd):
    missing = runner.Step(("/nonexistent/program",))
    assert runner.run((runner.Stage("only", (missing,)),)) == 1
    assert "No such file" in capfd.readouterr().out


def test_output_that_a_test_reads_is_shown_and_kept(reports, capfd):
    argv = (sys.executable, "-c", "import sys; print('hello', sys.stdin.isatty())")
    step = runner.Step(argv, output="copy.txt")
    assert runner.run((runner.Stage("only", (step,)),)) == 0
    assert (reports / "copy.txt").read_text() == "hello False\n"
    assert "hello False" in capfd.readouterr().out


def test_the_stages_cover_every_folder_of_tests():
    root = runner.ROOT / "tests"
    folders = {p.parts[len(root.parts)] for p in root.rglob("test_*.py")}
    named = {
        word.removeprefix("tests/")
        for stage in runner.STAGES
        for step in stage.steps
        for word in step.argv
        if word.startswith("tests/")
    }
    assert folders - named == set()
