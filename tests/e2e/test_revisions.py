"""A run keeps to the DAG as it was when it started, whatever becomes of the DAG."""

from __future__ import annotations

from e2e import kube


def first_version():
    slow = kube.task("slow", kube.sleep(4))
    return kube.dag("edited", slow, kube.task("speak", "echo version 1", ["slow"]))


def test_editing_the_dag_in_mid_run_changes_nothing_in_that_run(namespace):
    run = namespace.start(first_version())
    namespace.until(run, "slow", "Running")
    changed = first_version()
    changed["spec"]["tasks"][1] = kube.task("speak", "echo version 2", ["slow"])
    changed["spec"]["tasks"].append(kube.task("more", after=["speak"]))
    namespace.apply(changed)
    namespace.wait("dag/edited", "jsonpath={.status.observedGeneration}=2")

    ended = namespace.finish(run)
    again = namespace.finish(namespace.create(kube.run("edited")))

    said = namespace.kubectl(
        "logs", "-l", f"kubedag.dev/run={run},kubedag.dev/task=speak", "--tail=-1"
    )
    assert said == "version 1\n"
    assert kube.states(ended) == {"slow": "Succeeded", "speak": "Succeeded"}
    assert list(kube.states(again)) == ["slow", "speak", "more"]
    assert ended["status"]["revision"] != again["status"]["revision"]


def test_a_dag_with_a_cycle_is_not_ready_and_names_it(namespace):
    namespace.apply(
        kube.dag(
            "loop",
            kube.task("extract"),
            kube.task("load", after=["extract", "report"]),
            kube.task("report", after=["load"]),
        )
    )

    namespace.wait("dag/loop", "condition=Ready=False")

    ready = kube.condition(namespace.kubectl.get("dag", "loop"), "Ready")
    assert "cycl" in f"{ready['reason']} {ready['message']}".lower()
    assert "load" in ready["message"]
    assert "report" in ready["message"]


def test_a_dag_with_a_wrong_name_says_which_field_and_what_was_meant(namespace):
    namespace.apply(kube.dag("typo", kube.task("extract"), kube.task("load", after=["exract"])))

    namespace.wait("dag/typo", "condition=Ready=False")

    message = kube.condition(namespace.kubectl.get("dag", "typo"), "Ready")["message"]
    assert message.startswith("spec.tasks[1].dependsOn[0]: must")
    assert "did you mean 'extract'" in message


def test_a_dag_with_two_tasks_of_one_name_says_so(namespace):
    namespace.apply(kube.dag("twice", kube.task("same"), kube.task("same")))

    namespace.wait("dag/twice", "condition=Ready=False")

    message = kube.condition(namespace.kubectl.get("dag", "twice"), "Ready")["message"]
    assert message.startswith("spec.tasks[1].name: must")


def test_a_broken_edit_does_not_end_the_run_of_the_good_generation(namespace):
    run = namespace.start(first_version())
    namespace.until(run, "slow", "Running")
    broken = first_version()
    broken["spec"]["tasks"][0]["dependsOn"] = ["speak"]
    namespace.apply(broken)
    namespace.wait("dag/edited", "condition=Ready=False")

    ended = namespace.finish(run)

    assert kube.condition(ended, "Succeeded")["status"] == "True"


def test_a_run_outlives_its_dag(namespace):
    run = namespace.start(first_version())
    namespace.until(run, "slow", "Running")
    namespace.kubectl("delete", "dag", "edited", "--timeout=30s")

    ended = namespace.finish(run)

    assert kube.states(ended) == {"slow": "Succeeded", "speak": "Succeeded"}
