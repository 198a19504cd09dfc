"""Every mistake that can be known without a cluster, with its place and what to do about it."""

from __future__ import annotations

import time

import orjson
import pytest

from kubedag.api.dag import DAGSpec
from kubedag.api.problems import PROBLEMS_MAX
from kubedag.core import plan, podspec

IMAGE = {"image": "alpine"}


def told(spec):
    return [str(problem) for problem in plan.validate(DAGSpec.model_validate(spec))]


def task(name="a", **fields):
    return {"name": name, **IMAGE, **fields}


def chain(*edges):
    """`a:bc` is a task a that depends on b and c."""
    split = [edge.partition(":") for edge in edges]
    return {"tasks": [task(name, dependsOn=list(ups)) for name, _, ups in split]}


def pod(spec=None, **metadata):
    return {"spec": spec or {}, "metadata": metadata}


def templated(spec=None, **metadata):
    return {"tasks": [task(podTemplate=pod(spec, **metadata))]}


def main(**fields):
    return templated({"containers": [{"name": "main", **fields}]})


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"tasks": [task()]}, id="one task with an image"),
        pytest.param(chain("a:", "b:a", "c:a", "d:bc"), id="a diamond"),
        pytest.param(
            {"taskDefaults": IMAGE, "tasks": [{"name": "a"}]}, id="an image from taskDefaults"
        ),
        pytest.param(
            {
                "tasks": [
                    {
                        "name": "a",
                        "podTemplate": {"spec": {"containers": [{"name": "main", **IMAGE}]}},
                    }
                ]
            },
            id="an image from a podTemplate",
        ),
        pytest.param(
            main(image="alpine", command=["true"]) | {"taskDefaults": {"command": ["false"]}},
            id="the same image twice, and a program that replaces the default one",
        ),
        pytest.param(
            templated(
                {
                    "restartPolicy": "Never",
                    "containers": [
                        {"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                        {"name": "proxy", "image": "proxy", "ports": [
                            {"containerPort": 53, "protocol": "TCP"},
                            {"containerPort": 53, "protocol": "UDP"},
                        ]},
                    ],
                    "initContainers": [{"name": "init", "image": "init", "restartPolicy": "Always"}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                    "tolerations": [{"operator": "Exists"}, {"operator": "Exists"}],
                },
                labels={"team": "sales", "example.com/cost": "7"},
                annotations={"example.com/note": "anything at all: ünï"},
            ),
            id="a podTemplate with all that it may have",
        ),
        pytest.param(
            templated({"volumes": None, "containers": None}, labels=None, creationTimestamp=None),
            id="nulls, which say nothing",
        ),
        pytest.param(
            {"tasks": [task(resources={
                "requests": {"cpu": "500m", "memory": "1Gi", "hugepages-2Mi": "4Mi"},
                "limits": {"cpu": 0.5, "memory": "1024Mi", "nvidia.com/gpu": 1},
            })]},
            id="requests as large as the limits, written otherwise",
        ),
        pytest.param(
            {
                "taskDefaults": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                "tasks": [task(podTemplate=pod({"volumes": [{"name": "v", "emptyDir": {}}]}))],
            },
            id="a default mount of a volume that the task declares",
        ),
        pytest.param(
            {"tasks": [task(retry={"backoffSecondsMax": 5})]}, id="a longest pause below the default"
        ),
        pytest.param(
            {"tasks": [task(retry={"backoffSeconds": 600})]}, id="a first pause as long as the longest"
        ),
        pytest.param(
            {"tasks": [task(
                env=[{"name": "A", "value": "", "valueFrom": {"fieldRef": {}}}],
                envFrom=[{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "c"}}],
                resources={"requests": {"cpu": "0"}},
            )]},
            id="variables from elsewhere and no CPU at all",
        ),
        pytest.param(
            {"tasks": [task(serviceAccountName="a", podTemplate=pod({"serviceAccountName": "a"}))]},
            id="the same account twice",
        ),
        pytest.param(
            {"taskDefaults": {"podTemplate": {"spec": {"containers": [{"name": "main", **IMAGE}]}}},
             "tasks": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},
            id="an image for all from the podTemplate of taskDefaults",
        ),
        pytest.param(
            templated({"containers": [{"name": "c" * 63, "image": "x"}],
                       "tolerations": [{"operator": "Exists"}] * 500}, labels={"a": "x" * 63}),
            id="names and lists as long as they may be",
        ),
    ],
)  # fmt: skip
def test_nothing_is_said_about_a_sound_spec(spec):
    assert told(spec) == []


@pytest.mark.parametrize(
    ("spec", "problems"),
    [
        pytest.param(
            {"tasks": [task("fetch-weather"), task("join", dependsOn=["fetch_weather"])]},
            [("spec.tasks[1].dependsOn[0]: must name a task of this DAG; 'fetch_weather' is none"
             " (did you mean 'fetch-weather'?)")],
            id="a misspelt upstream, with a hint",
        ),
        pytest.param(
            {"tasks": [task("a"), task("join", dependsOn=["a", "completely-different"])]},
            [("spec.tasks[1].dependsOn[1]: must name a task of this DAG;"
             " 'completely-different' is none")],
            id="an unknown upstream, without one",
        ),
        pytest.param(
            {"tasks": [task("load-1", dependsOn=["load-2"])]},
            ["spec.tasks[0].dependsOn[0]: must name a task of this DAG; 'load-2' is none"],
            id="a task is never taken for its own upstream",
        ),
        pytest.param(
            chain("a:a"), ["spec.tasks[0].dependsOn[0]: must not be the task itself"],
            id="a task that waits for itself",
        ),
        pytest.param(
            chain("a:b", "b:a"),
            ["spec.tasks[0].dependsOn[0]: must not lead back to the task itself: a → b → a"],
            id="two tasks that wait for each other",
        ),
        pytest.param(
            chain("x:", "a:xc", "b:a", "c:b", "d:c"),
            ["spec.tasks[1].dependsOn[1]: must not lead back to the task itself: a → b → c → a"],
            id="a longer cycle, at the edge that closes it",
        ),
        pytest.param(
            chain("a:b", "b:a", "c:d", "d:c"),
            ["spec.tasks[0].dependsOn[0]: must not lead back to the task itself: a → b → a",
             "spec.tasks[2].dependsOn[0]: must not lead back to the task itself: c → d → c"],
            id="two cycles",
        ),
        pytest.param(
            chain(*(f"{name}:{up}" for name, up in zip("abcdefghijklmno", "oabcdefghijklmn",
                                                      strict=True))),
            [("spec.tasks[0].dependsOn[0]: must not lead back to the task itself:"
             " a → b → c → d → e → f → g → h → i → j → k → l → … (3 more) → a")],
            id="a cycle too long to be shown whole",
        ),
    ],
)  # fmt: skip
def test_mistakes_of_the_graph(spec, problems):
    assert told(spec) == problems


def test_names_that_the_types_would_refuse_are_told_as_well():
    sound = DAGSpec.model_validate(chain("a:", "b:"))
    tasks = sound.tasks
    twice = sound.model_copy(
        update={"tasks": (*tasks, tasks[0].model_copy(update={"depends_on": ("b", "b")}))}
    )
    assert [str(problem) for problem in plan.validate(twice)] == [
        "spec.tasks[2].name: must be unique; spec.tasks[0] is called 'a', too",
        "spec.tasks[2].dependsOn[1]: must be there only once; 'b' is there before",
    ]


@pytest.mark.parametrize(
    ("spec", "problems"),
    [
        pytest.param(
            {"tasks": [{"name": "a"}, task("b"), {"name": "c"}]},
            [("spec.tasks[0].image: must be set here, in taskDefaults or for the container main of a"
             " podTemplate"),
             ("spec.tasks[2].image: must be set here, in taskDefaults or for the container main of a"
             " podTemplate")],
            id="no image anywhere",
        ),
        pytest.param(
            {"tasks": [{"name": "a", "image": "alpine "}]},
            ["spec.tasks[0].image: must not contain spaces"],
            id="an image with a space",
        ),
        pytest.param(
            {"tasks": [task(script={"interpreter": ["sh"], "source": "ü" * 70_000})]},
            [("spec.tasks[0].script.source: must be at most 128 KiB long in UTF-8; larger programs"
             " belong into the image")],
            id="a script that is too long in bytes",
        ),
        pytest.param(
            {"tasks": [task(env=[{"name": "A", "value": "1", "valueFrom": {}}])]},
            ["spec.tasks[0].env[0].valueFrom: must not be set beside value"],
            id="a variable with two values",
        ),
        pytest.param(
            {"tasks": [task(envFrom=[{"prefix": "X_"}])]},
            ["spec.tasks[0].envFrom[0]: must have either a configMapRef or a secretRef"],
            id="variables from nowhere",
        ),
        pytest.param(
            {"tasks": [task(envFrom=[{"secretRef": {"name": "s"}, "configMapRef": {"name": "c"}}])]},
            ["spec.tasks[0].envFrom[0]: must have either a configMapRef or a secretRef"],
            id="variables from two places at once",
        ),
        pytest.param(
            {"tasks": [task(volumeMounts=[{"name": "dta", "mountPath": "/data"}],
                            podTemplate=pod({"volumes": [{"name": "data", "emptyDir": {}}]}))]},
            [("spec.tasks[0].volumeMounts[0].name: must name a volume of the podTemplate; 'dta' is"
             " none (did you mean 'data'?)")],
            id="a mount of no volume, with a hint",
        ),
        pytest.param(
            {"taskDefaults": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
             "tasks": [task("a"), task("b"), task("c", resources={})]},
            [("spec.taskDefaults.volumeMounts[0].name: must name a volume of the podTemplate; 'v' is"
             " none")],
            id="a default mount of no volume, once for all tasks",
        ),
        pytest.param(
            {"tasks": [task(script={"interpreter": ["sh"], "source": "true"},
                            volumeMounts=[{"name": "v", "mountPath": "/kubedag/script"}],
                            podTemplate=pod({"volumes": [{"name": "v", "emptyDir": {}}]}))]},
            [("spec.tasks[0].volumeMounts[0].mountPath: must be another path: scripts appear at this"
             " one")],
            id="a mount where scripts appear",
        ),
        pytest.param(
            {"tasks": [task(resources={"requests": {"memroy": "1Gi", "cpu": "-1"},
                                       "limits": {"gpu": 1}})]},
            [("spec.tasks[0].resources.requests[memroy]: must be cpu, memory, ephemeral-storage,"
             " hugepages-… or have a domain (did you mean 'memory'?)"),
             "spec.tasks[0].resources.requests[cpu]: must not be negative",
             ("spec.tasks[0].resources.limits[gpu]: must be cpu, memory, ephemeral-storage,"
             " hugepages-… or have a domain")],
            id="resources that Kubernetes does not have",
        ),
        pytest.param(
            {"taskDefaults": {"resources": {"limits": {"memory": "1Gi"}}},
             "tasks": [task(resources={"requests": {"memory": "1025Mi"}}), task("b")]},
            ["spec.tasks[0].resources.requests[memory]: must be at most the limit, which is 1Gi"],
            id="more requested than the default limit allows",
        ),
        pytest.param(
            {"taskDefaults": {"retry": {"backoffSecondsMax": 60}},
             "tasks": [task(retry={"backoffSeconds": 90})]},
            [("spec.tasks[0].retry.backoffSeconds: must be at most backoffSecondsMax, which is 60"
             " here")],
            id="a first pause above the longest one of the defaults",
        ),
        pytest.param(
            {"taskDefaults": {"retry": {"backoffSeconds": 90}},
             "tasks": [task(retry={"backoffSecondsMax": 60})]},
            [("spec.tasks[0].retry.backoffSecondsMax: must be at least backoffSeconds, which is 90"
             " here")],
            id="a longest pause below the first one of the defaults",
        ),
        pytest.param(
            {"tasks": [task(retry={"backoffSeconds": 900})]},
            [("spec.tasks[0].retry.backoffSeconds: must be at most backoffSecondsMax, which is 600"
             " here")],
            id="a first pause above the longest one that holds without saying",
        ),
    ],
)  # fmt: skip
def test_mistakes_of_a_task(spec, problems):
    assert told(spec) == problems


def deep(levels):
    value = {}
    for _ in range(levels):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(2**70, id="a number of more than 64 bits"),
        pytest.param(deep(300), id="too many levels"),
        pytest.param("\ud800", id="half a character"),
        pytest.param(object(), id="something that is no JSON at all"),
    ],
)
def test_what_could_not_be_stored_is_told_and_nothing_else(value):
    [problem] = told(templated({"restartPolicy": "Always", "x": value}))
    assert problem.startswith(
        "spec.tasks[0].podTemplate: must be JSON with numbers of 64 bits and at most 200 levels: "
    )


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda value: templated({"affinity": value}), id="podTemplate"),
        pytest.param(
            lambda value: {"tasks": [task(env=[{"name": "A", "valueFrom": value}])]}, id="env"
        ),
        pytest.param(
            lambda value: templated({"containers": [{"name": "main", "lifecycle": value}]}),
            id="a container of a podTemplate",
        ),
    ],
)
def test_whatever_is_not_too_deep_to_be_told_can_be_stored_and_sent(place):
    accepted = 0
    for levels in range(190, 260):
        raw = place(deep(levels))
        spec = DAGSpec.model_validate(raw)
        if plan.validate(spec):
            continue
        accepted += 1
        compiled = plan.compile_plan("dag", spec)
        run = podspec.RunIdentity("r", "ns", "uid", "rev", "Manual", "2026-01-01T00:00:00Z")
        orjson.dumps([[podspec.build(compiled, compiled.tasks[0], run, 1), raw]])
    assert 0 < accepted < 30


def test_a_spec_that_is_too_large_to_be_stored_is_told():
    tasks = [task(f"t{number}", command=["x" * 1000]) for number in range(1000)]
    assert told({"tasks": tasks}) == ["spec: must be at most 900 KiB as JSON; it has 1023 KiB"]


def test_no_more_problems_are_told_than_anybody_reads():
    assert len(told({"tasks": [{"name": f"t{number}"} for number in range(200)]})) == PROBLEMS_MAX


def test_ten_thousand_unknown_upstreams_are_told_quickly():
    spec = DAGSpec.model_validate(
        {"tasks": [task(f"task-{n}", dependsOn=[f"tusk-{n}"]) for n in range(10_000)]}
    )
    start = time.process_time()
    problems = plan.validate(spec)
    assert time.process_time() - start < 5
    assert len(problems) == PROBLEMS_MAX


def test_problems_come_in_the_same_order_each_time():
    spec = {
        "tasks": [
            {"name": "a", "dependsOn": ["x"], "podTemplate": pod({"restartPolicy": "Always"})},
            {"name": "b", "dependsOn": ["b"], "retry": {"backoffSeconds": 700}},
        ]
    }
    assert [line.partition(":")[0] for line in told(spec)] == [
        "spec.tasks[0].dependsOn[0]",
        "spec.tasks[1].dependsOn[0]",
        "spec.tasks[1].retry.backoffSeconds",
        "spec.tasks[0].podTemplate.spec.restartPolicy",
    ]
