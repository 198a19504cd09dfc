import io
import json

import pytest
import yaml

from kubedag.cli import main, validate
from support.objects import a_dag, a_run, a_task


@pytest.fixture
def judge(tmp_path):
    """Writes documents to a file and judges it: the exit code and the lines."""

    def judged(*documents, text=None):
        file = tmp_path / "dag.yaml"
        file.write_text(yaml.safe_dump_all(documents) if text is None else text, encoding="utf-8")
        out = io.StringIO()
        code = validate.run([str(file)], io.StringIO(), out)
        return code, out.getvalue().replace(f"{file}: ", "").splitlines()

    return judged


def test_a_good_file_is_said_to_be_good(judge):
    assert judge(a_dag(), a_run()) == (0, ["2 objects, 0 with problems"])


def test_every_problem_is_a_line_that_says_where_it_is(judge):
    code, lines = judge(
        a_dag(a_task("a", image="x", timeoutSeconds=0), name="first"),
        a_dag(a_task("a", image="x", dependsOn=["b"]), name="second"),
    )
    assert code == 1
    assert lines == [
        "DAG/first: spec.tasks[0].timeoutSeconds: must be at least 1; it is 0",
        "DAG/second: spec.tasks[0].dependsOn[0]: must name a task of this DAG; 'b' is none",
        "2 objects, 2 with problems",
    ]


def test_what_is_not_ours_is_not_judged(judge):
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    assert judge(other, None, a_dag()) == (0, ["1 object, 0 with problems"])


def test_a_kind_that_we_do_not_have_is_a_problem(judge):
    assert judge({**a_dag(), "kind": "Dag"}) == (
        1,
        ["Dag/pipeline: kind: must be 'DAG'; it is \"Dag\"", "1 object, 1 with problems"],
    )


def test_a_backfill_is_judged_as_one(judge):
    backfill = {
        "apiVersion": "kubedag.dev/v1alpha1",
        "kind": "Backfill",
        "metadata": {"name": "january"},
        "spec": {
            "dagName": "pipeline",
            "startTime": "2026-02-01T00:00:00Z",
            "endTime": "2026-01-01T00:00:00Z",
        },
    }
    code, lines = judge(backfill, a_dag())
    assert code == 1
    assert lines == [
        "Backfill/january: spec.endTime: must be later than startTime",
        "2 objects, 1 with problems",
    ]


def test_a_status_in_a_file_is_passed_over(judge):
    assert judge({**a_dag(), "status": {"taskCount": "many"}})[0] == 0


def test_a_time_need_not_be_quoted(judge):
    text = f"{json.dumps(a_run())[:-1]}}}".replace(
        '"dagName"', '"logicalTime": 2026-01-01T00:00:00Z, "dagName"'
    )
    assert judge(text=text) == (0, ["1 object, 0 with problems"])


def test_what_is_not_yaml_is_a_problem_of_a_line(judge):
    code, lines = judge(text="a: [1,\nb: }")
    assert code == 1
    assert lines[0].startswith("YAML in line 2: must be valid: ")


def test_what_is_no_object_is_a_problem(judge):
    assert judge(text="just a word") == (
        1,
        [
            "document: must be an object with an apiVersion and a kind",
            "1 object, 1 with problems",
        ],
    )


def test_a_folder_is_read_in_order_and_a_missing_file_is_told(tmp_path):
    for name in ("b.yml", "a.json", "deep/c.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(a_dag(maxActiveRuns=0)), encoding="utf-8")
    (tmp_path / "README.md").write_text("not: [yaml", encoding="utf-8")
    out = io.StringIO()

    code = validate.run([str(tmp_path), str(tmp_path / "none.yaml")], io.StringIO(), out)

    lines = out.getvalue().replace(f"{tmp_path}/", "").splitlines()
    assert code == 2
    assert [line.split(": ")[0] for line in lines] == [
        "a.json",
        "b.yml",
        "deep/c.yaml",
        "none.yaml",
        "3 objects, 3 with problems",
    ]


def test_a_file_that_is_named_is_judged_whatever_it_is_called(tmp_path):
    file = tmp_path / "dag.txt"
    file.write_text(json.dumps(a_dag()), encoding="utf-8")
    out = io.StringIO()
    assert validate.run([str(file)], io.StringIO(), out) == 0
    assert out.getvalue() == "1 object, 0 with problems\n"


EMPTY = "must have an object of kubedag.dev, such as a DAG; it is empty"
NO_FILE = "must have a file whose name ends with .json, .yaml or .yml, in it or below; it has none"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("", None, NO_FILE),
        ("dag.yaml", b"", EMPTY),
        ("dag.yaml", b"# nothing yet\n---\n", EMPTY),
        ("dag.yaml", b"\xff\xfe\x00", "must be text in UTF-8"),
    ],
    ids=["a folder", "a file", "a comment", "no text"],
)
def test_to_have_judged_nothing_is_no_success(tmp_path, name, content, why):
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    else:
        (tmp_path / "README.md").write_text("no DAG", encoding="utf-8")
    out = io.StringIO()
    assert validate.run([str(file)], io.StringIO(), out) == 2
    assert out.getvalue() == f"{file}: {why}\n0 objects, 0 with problems\n"


def test_a_pipe_that_brings_nothing_is_no_success():
    out = io.StringIO()
    assert validate.run(["-"], io.StringIO(" \n"), out) == 2
    assert out.getvalue() == f"stdin: {EMPTY}\n0 objects, 0 with problems\n"


def test_an_empty_file_of_a_folder_is_passed_over_and_so_is_a_file_of_others(tmp_path):
    (tmp_path / "a.yaml").write_text("# later", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(json.dumps(a_dag()), encoding="utf-8")
    other = tmp_path / "c.yaml"
    other.write_text('{"apiVersion": "v1", "kind": "ConfigMap"}', encoding="utf-8")
    out = io.StringIO()
    assert validate.run([str(tmp_path), str(other)], io.StringIO(), out) == 0
    assert out.getvalue() == "1 object, 0 with problems\n"


@pytest.mark.parametrize(
    "argv", [["{0}"], ["{0}", "{0}"], ["-f", "{0}"], ["{0}", "-f", "{0}"], ["-f", "{0}", "{0}"]]
)
def test_files_may_be_named_with_a_flag_and_without(argv, tmp_path, capsys):
    file = tmp_path / "dag.yaml"
    file.write_text(json.dumps(a_dag()), encoding="utf-8")
    assert main.main(["validate", *(word.format(file) for word in argv)]) == 0
    count = " ".join(argv).count("{0}")
    said = "1 object" if count == 1 else "2 objects"
    assert capsys.readouterr().out == f"{said}, 0 with problems\n"


def test_a_pipe_can_be_judged(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(a_dag(suspend=1))))
    assert main.main(["validate", "-f", "-"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "stdin: DAG/pipeline: spec.suspend: must be true or false; it is 1",
        "1 object, 1 with problems",
    ]


@pytest.mark.parametrize(
    ("spec", "lines"),
    [
        ({"timeoutSeconds": None, "retention": None, "taskDefaults": {"image": None}}, []),
        ({"timeoutSeconds": 60.0, "retention": {"failedRuns": 1e3}}, []),
        ({"timeoutSeconds": 60.5}, ["spec.timeoutSeconds: must be a whole number; it is 60.5"]),
        ({"tasks": None}, ["spec.tasks: must be set"]),
        ({"tasks": [None]}, ["spec.tasks[0]: must be an object; it is null"]),
        ({"taskDefaults": {"podTemplate": {"spec": {"volumes": None, "x": 1.0}}}}, []),
    ],
    ids=["nulls", "whole numbers", "no whole number", "needed", "in a list", "in a podTemplate"],
)
def test_a_file_says_what_the_api_server_would_read_in_it(judge, spec, lines):
    _, said = judge(text=json.dumps(a_dag(**{"tasks": [a_task(image="x")], **spec})))
    assert [line.removeprefix("DAG/pipeline: ") for line in said[:-1]] == lines
