"""What users write: graphs, names, JSON and whole DAGs, from the usual to the absurd."""

from __future__ import annotations

import copy
import string

from hypothesis import strategies as st

from kubedag.api.enums import TriggerRule

LABEL_CHARS = string.ascii_lowercase + string.digits


def labels(length_max=63):
    """DNS-1123 labels."""
    inner = st.text(LABEL_CHARS + "-", max_size=length_max - 2)
    ends = st.sampled_from(LABEL_CHARS)
    return st.one_of(ends, st.builds("{}{}{}".format, ends, inner, ends))


def object_names():
    """DNS-1123 subdomains of up to 253 characters."""
    return (
        st.lists(labels(50), min_size=1, max_size=5)
        .map(lambda parts: ".".join(parts)[:253])
        .map(lambda name: name.rstrip("-."))
    )


@st.composite
def upstreams(draw, nodes_max=12, *, acyclic=False):
    """For each node the nodes that it waits for, in any order, none twice and never itself."""
    size = draw(st.integers(0, nodes_max))
    place = draw(st.permutations(range(size)))
    edges = []
    for node in range(size):
        others = [
            other
            for other in range(size)
            if other != node and (not acyclic or place[other] < place[node])
        ]
        ends = (
            st.lists(st.sampled_from(others), unique=True, max_size=4) if others else st.just([])
        )
        edges.append(tuple(draw(ends)))
    return tuple(edges)


def json_values():
    """Anything that a JSON document can hold, numbers beyond 64 bits included."""
    scalars = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    )


def objects(**fields):
    """Objects with some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


WORDS = ("a", "b", "main", "v", "w", "kubedag-script", "KUBEDAG_X", "Bad Name", "/kubedag/script")
words = st.sampled_from(WORDS)
quantities = st.sampled_from(["1", "500m", "2Gi", 0.5, 3, "-1", "1e3"])


def or_junk(strategy):
    """Mostly what is meant, sometimes anything."""
    return st.one_of(strategy, strategy, strategy, json_values())


def junk_templates():
    """PodTemplateSpecs, some of which have only JSON in common with those of Kubernetes."""
    pairs = or_junk(st.dictionaries(words, or_junk(words), max_size=2))
    named = or_junk(objects(name=or_junk(words), mountPath=or_junk(words), value=words))
    listed = or_junk(st.lists(named, max_size=2))
    container = objects(
        name=or_junk(words),
        image=or_junk(words),
        restartPolicy=or_junk(words),
        env=listed,
        envFrom=listed,
        volumeMounts=listed,
        ports=listed,
        resources=or_junk(objects(requests=pairs, limits=pairs, claims=listed)),
        command=or_junk(st.lists(words, max_size=2)),
    )
    containers = or_junk(st.lists(or_junk(container), max_size=2))
    spec = objects(
        restartPolicy=or_junk(st.just("Never")),
        containers=containers,
        initContainers=containers,
        volumes=listed,
        nodeSelector=pairs,
        serviceAccountName=or_junk(words),
        tolerations=listed,
    )
    return objects(
        metadata=objects(labels=pairs, annotations=pairs, name=json_values()), spec=spec
    )


def _named(names, **fields):
    """Objects whose names are unique."""
    item = st.fixed_dictionaries({"name": st.sampled_from(names)}, optional=fields)
    return st.lists(item, max_size=2, unique_by=lambda found: found["name"])


def _mounts():
    return _named("vw").map(lambda items: [{**item, "mountPath": item["name"]} for item in items])


def _variables(names):
    return _named(names, value=st.text(st.characters(exclude_characters="\0"), max_size=3))


def sound_templates():
    """PodTemplateSpecs without mistakes; the volumes v and w are always there."""
    others = {"env": _variables("DE"), "volumeMounts": _mounts(), "tty": st.booleans()}
    labels_ = st.dictionaries(st.sampled_from("ab"), labels(9), max_size=2)
    spec = objects(
        containers=_named(["main", "proxy"], **others),
        initContainers=_named(["init", "wait"], **others),
        nodeSelector=labels_,
        tolerations=st.lists(st.just({"operator": "Exists"}), max_size=2),
        automountServiceAccountToken=st.booleans(),
    )
    volumes = [{"name": "v", "emptyDir": {}}, {"name": "w", "secret": {"secretName": "w"}}]
    return st.fixed_dictionaries(
        {"spec": spec.map(lambda found: {**found, "volumes": volumes})},
        optional={"metadata": objects(labels=labels_, annotations=labels_)},
    )


def _program():
    return st.one_of(
        st.just({}),
        st.just({"script": {"interpreter": ["sh"], "source": "true"}}),
        st.lists(words, min_size=1, max_size=2).map(lambda found: {"command": found}),
        st.lists(words, min_size=1, max_size=2).map(lambda found: {"args": found}),
    )


def sound_fields():
    """What a task without mistakes may say, its image apart."""
    amounts = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.just("1"), max_size=2)
    others = objects(
        env=_variables("ABC"),
        envFrom=st.lists(st.just({"secretRef": {"name": "s"}}), max_size=1),
        volumeMounts=_mounts(),
        resources=objects(requests=amounts, limits=amounts),
        serviceAccountName=st.just("loader"),
        retry=objects(
            limit=st.integers(0, 3),
            backoffSeconds=st.integers(1, 600),
            avoidNodes=st.sampled_from(["Never", "Prefer", "Require"]),
            onFailure=st.lists(rules(), max_size=3),
        ),
        timeoutSeconds=st.integers(1, 99),
        priority=st.integers(-3, 3),
    )
    template = sound_templates().map(lambda found: {"podTemplate": found})
    return st.builds(lambda *found: _united(found), _program(), others, template)


def rules(reasons=("OOMKilled", "ExitCode"), patterns=("no such", "(?i)a+")):
    """What may be asked for about a failure."""
    actions = st.sampled_from(["Retry", "Fail", "Skip", "Succeed"])
    conditions = objects(
        exitCodes=st.lists(st.integers(0, 255), max_size=2),
        reasons=st.lists(st.sampled_from(reasons), max_size=2),
        messagePattern=st.sampled_from(patterns),
        delaySeconds=st.integers(0, 9),
    )
    return st.builds(lambda action, said: {"action": action, **said}, actions, conditions)


def _united(found):
    return {key: part[key] for part in found for key in part}


@st.composite
def sound_specs(draw):
    """Specs that have no mistake."""
    spec = {"tasks": draw(_tasks(sound_fields(), acyclic=True))}
    if draw(st.booleans()):
        spec["finally"] = draw(_tasks(sound_fields(), acyclic=True, prefix="f"))
    if draw(st.booleans()):
        return {**spec, "taskDefaults": {**draw(sound_fields()), "image": "alpine"}}
    return {name: [{**task, "image": "alpine"} for task in tasks] for name, tasks in spec.items()}


def specs():
    """Specs most of which have mistakes that the types let through."""
    broken = st.fixed_dictionaries(
        {},
        optional={
            "image": st.sampled_from(["alpine", "with space"]),
            "envFrom": st.lists(objects(prefix=st.just("X_")), max_size=1),
            "retry": objects(
                backoffSeconds=st.integers(1, 900),
                memoryFactor=st.sampled_from(["1.5", "9.99"]),
                memoryMax=quantities.filter(lambda found: isinstance(found, str)),
                onFailure=st.lists(rules(["OOMKiled", "X"], ["(", "a*", "x{999}"]), max_size=3),
            ),
            "podTemplate": junk_templates(),
            "resources": objects(
                requests=st.dictionaries(st.sampled_from(["cpu", "memroy"]), quantities)
            ),
        },
    )
    fields = st.one_of(sound_fields(), st.builds(lambda *all_: _united(all_), _program(), broken))
    return st.fixed_dictionaries(
        {"tasks": _tasks(fields, acyclic=False)},
        optional={
            "taskDefaults": fields,
            "finally": st.sampled_from("tf").flatmap(
                lambda prefix: _tasks(fields, acyclic=False, prefix=prefix)
            ),
        },
    )


@st.composite
def _tasks(draw, fields, *, acyclic, prefix="t"):
    """Some are teardowns: of what is above them, or, if nothing need be sound, of anything."""
    edges = draw(upstreams(nodes_max=3, acyclic=acyclic)) or ((),)
    rules = st.sampled_from(list(TriggerRule))
    return [
        {
            **draw(fields),
            "name": f"{prefix}{node}",
            "dependsOn": [f"{prefix}{end}" for end in ends],
            **(
                {"teardownOf": [f"{prefix}{end}" for end in ends] or ["t0"]}
                if (ends or not acyclic) and not draw(st.integers(0, 3))
                else {"triggerRule": draw(rules)}
            ),
        }
        for node, ends in enumerate(edges)
    ]


def _places(value):
    """Every container of a document with every key into it, the inner ones included."""
    found, pending = [], [value]
    while pending:
        parent = pending.pop()
        if isinstance(parent, dict | list):
            pairs = parent.items() if isinstance(parent, dict) else enumerate(parent)
            for key, child in list(pairs):
                found.append((parent, key))
                pending.append(child)
    return found


@st.composite
def spoilt_specs(draw):
    """Sound specs one value of whose podTemplates was replaced by something else."""
    spec = copy.deepcopy(draw(sound_specs()))
    levels = [*spec["tasks"], *spec.get("finally", ()), spec.get("taskDefaults", {})]
    parts = [part for level in levels for part in level.get("podTemplate", {}).values()]
    parent, key = draw(st.sampled_from([place for part in parts for place in _places(part)]))
    parent[key] = draw(st.one_of(words, json_values()))
    return spec
