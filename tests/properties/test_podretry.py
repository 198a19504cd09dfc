"""What holds of the Pods of further attempts, whatever was asked for and however often it failed."""

from __future__ import annotations

import copy
import math
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from kubedag.core import memory, podretry, quantities
from kubedag.core.plan import RetryPolicy

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

suffixes = st.sampled_from(["", "k", "M", "G", "Ki", "Mi", "Gi", "m"])
numbers = st.decimals(0, 10**6, places=2, allow_nan=False)
quantity = st.builds(lambda number, suffix: f"{number:f}{suffix}", numbers, suffixes)
factors = st.decimals(1, "9.99", places=2).map(lambda number: f"{number:f}")
times = st.integers(0, 120)


@given(quantity, factors, times, st.one_of(st.just(""), quantity))
def test_memory_is_a_quantity_between_what_it_was_and_what_it_may_become(base, factor, n, most):
    policy = RetryPolicy(memory_factor=factor, memory_max=most)
    before = quantities.exact(base)
    after = quantities.exact(memory.amount(base, policy, n))
    bound = quantities.exact(most) if most and quantities.exact(most) else 8 * before
    assert after is not None
    assert before <= after <= max(bound, before)


@given(quantity, factors, times, times)
def test_more_failures_never_mean_less_memory(base, factor, one, other):
    policy = RetryPolicy(memory_factor=factor)
    less, more = (quantities.exact(memory.amount(base, policy, n)) for n in sorted((one, other)))
    assert less <= more


@given(quantity, factors, times)
@example("0.01", "1.01", 1)  # 8 times as much is no whole byte yet, and an amount is whole bytes
def test_as_long_as_nothing_bounds_it_memory_is_what_was_asked_for_rounded_up(base, factor, n):
    asked = quantities.exact(base) * Fraction(factor) ** n
    after = quantities.exact(memory.amount(base, RetryPolicy(memory_factor=factor), n))
    if asked < math.floor(8 * quantities.exact(base)):
        assert asked <= after <= max(asked + 2**20, 1)


@given(quantity, quantity, factors, times)
def test_a_request_never_grows_above_its_limit(one, other, factor, n):
    request, limit = sorted((one, other), key=quantities.exact)
    resources = {"requests": {"memory": request}, "limits": {"memory": limit}}
    grown = memory.grown(resources, RetryPolicy(memory_factor=factor), n)
    assert not list(quantities.excessive(grown))


# --- Nodes ------------------------------------------------------------------------------------

names = st.sampled_from(["n1", "n2", "n3", "n4"])
requirements = st.builds(
    lambda key, values: {"key": key, "operator": "In", "values": values},
    st.sampled_from(["kubernetes.io/hostname", "zone"]), st.lists(names, min_size=1, max_size=3),
)  # fmt: skip
terms = st.fixed_dictionaries(
    {}, optional={"matchExpressions": st.lists(requirements, max_size=3)}
)
affinities = st.fixed_dictionaries(
    {},
    optional={
        "nodeAffinity": st.fixed_dictionaries(
            {},
            optional={
                REQUIRED: st.fixed_dictionaries(
                    {"nodeSelectorTerms": st.lists(terms, min_size=1, max_size=3)}
                ),
                PREFERRED: st.lists(
                    st.fixed_dictionaries({"weight": st.integers(1, 100), "preference": terms}),
                    max_size=3,
                ),
            },
        ),
        "podAffinity": st.just({PREFERRED: []}),
    },
)
avoided = st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)


def fits(term, node):
    """As the scheduler has it: a term without anything in it matches nothing."""
    labels = {"kubernetes.io/hostname": node, "zone": "n1"}
    asked = term.get("matchExpressions") or ()
    return bool(asked) and all(
        (labels[one["key"]] in one["values"]) == (one["operator"] == "In") for one in asked
    )


def takes(affinity, node):
    required = affinity.get("nodeAffinity", {}).get(REQUIRED)
    return required is None or any(fits(term, node) for term in required["nodeSelectorTerms"])


@given(affinities, avoided, names)
def test_a_node_is_taken_if_the_user_takes_it_and_it_is_not_avoided(affinity, nodes, node):
    before = copy.deepcopy(affinity)
    found = podretry.avoiding(affinity, nodes, required=True)
    assert takes(found, node) == (takes(affinity, node) and node not in nodes)
    assert affinity == before


@given(affinities, avoided, names)
def test_preferring_others_rules_no_node_out(affinity, nodes, node):
    found = podretry.avoiding(affinity, nodes, required=False)
    wishes = affinity.get("nodeAffinity", {}).get(PREFERRED, [])
    assert takes(found, node) == takes(affinity, node)
    assert found["nodeAffinity"][PREFERRED][:-1] == wishes


@given(affinities, avoided, st.booleans())
def test_what_an_affinity_says_of_pods_stays(affinity, nodes, required):
    found = podretry.avoiding(affinity, nodes, required=required)
    kept = {key: value for key, value in affinity.items() if key != "nodeAffinity"}
    assert {key: value for key, value in found.items() if key != "nodeAffinity"} == kept
