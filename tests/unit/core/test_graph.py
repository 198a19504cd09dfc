"""The graph of a DAG: names become edges, edges an order, or a cycle that can be shown."""

from __future__ import annotations

import pytest

from kubedag.core import graph
from kubedag.core.graph import Fault, Mistake

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
DEEP = 10_000


def link(tasks):
    return graph.link(list(tasks), list(tasks.values()))


def both_ways(tasks):
    upstream = link(tasks).upstream
    return upstream, graph.reverse(upstream)


def named(tasks, nodes):
    return "".join(list(tasks)[node] for node in nodes)


def test_upstreams_become_positions_in_the_order_in_which_they_are_named():
    assert link({"a": [], "b": [], "c": ["b", "a"]}) == graph.Links(((), (), (1, 0)), ())


@pytest.mark.parametrize(
    ("names", "depends_on", "mistakes"),
    [
        pytest.param(
            ["a", "b", "a"], [[], [], []],
            [Mistake(Fault.DUPLICATE_NAME, 2)],
            id="the second task of a name is the mistake",
        ),
        pytest.param(
            ["a", "b"], [[], ["a", "x"]],
            [Mistake(Fault.UNKNOWN_UPSTREAM, 1, 1)],
            id="an upstream must be a task",
        ),
        pytest.param(
            ["a", "b"], [[], ["a", "b"]],
            [Mistake(Fault.SELF_UPSTREAM, 1, 1)],
            id="a task cannot wait for itself",
        ),
        pytest.param(
            ["a", "b"], [[], ["a", "a", "a"]],
            [Mistake(Fault.DUPLICATE_UPSTREAM, 1, 1), Mistake(Fault.DUPLICATE_UPSTREAM, 1, 2)],
            id="an upstream is named once",
        ),
        pytest.param(
            ["a", "b"], [[], ["x", "x"]],
            [Mistake(Fault.UNKNOWN_UPSTREAM, 1, 0), Mistake(Fault.DUPLICATE_UPSTREAM, 1, 1)],
            id="an unknown name is unknown once and then repeated",
        ),
        pytest.param(
            ["a", "b", "a"], [["y"], [], ["x"]],
            [
                Mistake(Fault.UNKNOWN_UPSTREAM, 0, 0),
                Mistake(Fault.DUPLICATE_NAME, 2),
                Mistake(Fault.UNKNOWN_UPSTREAM, 2, 0),
            ],
            id="mistakes come in the order of the declaration",
        ),
    ],
)  # fmt: skip
def test_names_that_make_no_graph_are_told_with_their_places(names, depends_on, mistakes):
    assert list(graph.link(names, depends_on).mistakes) == mistakes


def test_an_edge_that_is_a_mistake_is_left_out_and_the_others_are_kept():
    assert graph.link(["a", "b", "c"], [[], ["b", "x", "a"], ["b", "b"]]).upstream == (
        (), (0,), (1,)
    )  # fmt: skip


def test_of_two_tasks_with_one_name_the_first_is_the_upstream():
    assert graph.link(["a", "a", "b"], [[], [], ["a"]]).upstream == ((), (), (0,))


def test_downstream_edges_are_the_upstream_edges_turned_round():
    assert graph.reverse(link(DIAMOND).upstream) == ((1, 2), (3,), (3,), ())


@pytest.mark.parametrize(
    ("tasks", "order"),
    [
        pytest.param(DIAMOND, "abcd", id="a declaration in order stays as it is"),
        pytest.param({"d": ["b"], "b": [], "a": []}, "bda", id="whatever can go first goes first"),
        pytest.param(
            {"z": ["y"], "y": ["x"], "x": []}, "xyz", id="a chain declared backwards is turned"
        ),
        pytest.param({}, "", id="no tasks have no order"),
        pytest.param(
            {"a": ["b"], "b": ["a"], "c": [], "d": ["a"]}, "c", id="a cycle has no order"
        ),
    ],
)
def test_the_order_keeps_to_the_declaration_where_the_edges_allow_it(tasks, order):
    assert named(tasks, graph.order(*both_ways(tasks))) == order


def test_depth_is_the_length_of_the_longest_way_down():
    tasks = {"a": [], "b": ["a"], "c": ["b"], "d": ["a", "c"], "e": []}
    upstream, downstream = both_ways(tasks)
    assert graph.depth(upstream, graph.order(upstream, downstream)) == (0, 1, 2, 3, 0)


@pytest.mark.parametrize(
    ("start", "below"),
    [
        pytest.param("a", "bcd", id="everything below the first"),
        pytest.param("b", "d", id="only its own branch"),
        pytest.param("d", "", id="nothing below a leaf"),
        pytest.param("bc", "d", id="several starts together"),
        pytest.param("", "", id="nothing from nowhere"),
    ],
)
def test_descendants_are_all_that_can_be_reached_downwards(start, below):
    _, downstream = both_ways(DIAMOND)
    starts = ["abcd".index(name) for name in start]
    assert named(DIAMOND, sorted(graph.reachable(downstream, starts))) == below


def test_ancestors_are_all_that_can_be_reached_upwards():
    upstream, _ = both_ways(DIAMOND)
    assert graph.reachable(upstream, [3]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("tasks", "cycles"),
    [
        pytest.param(DIAMOND, [], id="a DAG has none"),
        pytest.param({"a": ["b"], "b": ["a"]}, ["ab"], id="two tasks wait for each other"),
        pytest.param(
            {"a": ["c"], "b": ["a"], "c": ["b"]}, ["abc"], id="it is told in the order of running"
        ),
        pytest.param(
            {"a": [], "b": ["a", "d"], "c": ["b"], "d": ["c"], "e": ["d"]}, ["bcd"],
            id="what comes before and after it is left out",
        ),
        pytest.param(
            {"a": ["e", "b"], "b": ["a"], "c": ["b"], "d": ["c"], "e": ["d"]}, ["ab"],
            id="of two through a task the shorter one is told",
        ),
        pytest.param(
            {"d": ["c"], "c": ["d"], "b": ["a"], "a": ["b"]}, ["dc", "ba"],
            id="each begins with the task declared first",
        ),
        pytest.param(
            {"a": ["b"], "b": ["a"], "c": ["b", "d"], "d": ["c"]}, ["ab", "cd"],
            id="one behind another is a second one",
        ),
    ],
)  # fmt: skip
def test_cycles_are_found_with_their_paths(tasks, cycles):
    assert [named(tasks, cycle) for cycle in graph.cycles(*both_ways(tasks))] == cycles


def test_no_more_cycles_are_told_than_asked_for():
    tasks = {f"{i}{side}": [f"{i}{other}"] for i in range(9) for side, other in ("ab", "ba")}
    assert graph.cycles(*both_ways(tasks), limit=2) == ((0, 1), (2, 3))


def test_a_chain_of_ten_thousand_tasks_needs_no_deep_stack():
    upstream = ((), *((node,) for node in range(DEEP - 1)))
    downstream = graph.reverse(upstream)
    order = graph.order(upstream, downstream)
    assert order == tuple(range(DEEP))
    assert graph.depth(upstream, order) == tuple(range(DEEP))
    assert len(graph.reachable(downstream, [0])) == DEEP - 1
    assert graph.cycles(upstream, downstream) == ()


def test_a_cycle_of_ten_thousand_tasks_needs_no_deep_stack():
    upstream = tuple(((node - 1) % DEEP,) for node in range(DEEP))
    assert graph.cycles(upstream, graph.reverse(upstream)) == (tuple(range(DEEP)),)
