"""What holds of every graph, cyclic or not."""

from __future__ import annotations

from hypothesis import given

from kubedag.core import graph
from properties import strategies


def closure(edges):
    """Warshall's way, which has nothing in common with a walk."""
    size = range(len(edges))
    reach = [[end in edges[node] for end in size] for node in size]
    for middle in size:
        for start in size:
            for end in size:
                reach[start][end] |= reach[start][middle] and reach[middle][end]
    return [{end for end in size if reach[node][end]} for node in size]


@given(strategies.upstreams(acyclic=True))
def test_an_order_puts_every_task_after_its_upstreams(upstream):
    order = graph.order(upstream, graph.reverse(upstream))
    place = {node: position for position, node in enumerate(order)}
    assert sorted(order) == list(range(len(upstream)))
    assert all(place[end] < place[node] for node in place for end in upstream[node])


@given(strategies.upstreams(acyclic=True))
def test_no_task_could_have_come_earlier_than_one_declared_after_it(upstream):
    order = graph.order(upstream, graph.reverse(upstream))
    done = set()
    for node in order:
        ready = [
            other for other in order if other not in done and done.issuperset(upstream[other])
        ]
        assert node == min(ready)
        done.add(node)


@given(strategies.upstreams(acyclic=True))
def test_depth_is_one_more_than_that_of_the_deepest_upstream(upstream):
    depth = graph.depth(upstream, graph.order(upstream, graph.reverse(upstream)))
    assert all(
        depth[node] == max((depth[end] + 1 for end in ends), default=0)
        for node, ends in enumerate(upstream)
    )


@given(strategies.upstreams())
def test_what_can_be_reached_is_the_closure(upstream):
    assert [graph.reachable(upstream, [node]) for node in range(len(upstream))] == closure(
        upstream
    )


@given(strategies.upstreams())
def test_turning_edges_round_twice_gives_the_same_edges(upstream):
    again = graph.reverse(graph.reverse(upstream))
    assert [set(ends) for ends in again] == [set(ends) for ends in upstream]


@given(strategies.upstreams())
def test_there_are_cycles_exactly_if_there_is_no_whole_order(upstream):
    downstream = graph.reverse(upstream)
    is_whole = len(graph.order(upstream, downstream)) == len(upstream)
    assert (graph.cycles(upstream, downstream) == ()) == is_whole


@given(strategies.upstreams())
def test_every_cycle_is_one_and_begins_with_its_first_task_and_shares_none(upstream):
    cycles = graph.cycles(upstream, graph.reverse(upstream))
    for cycle in cycles:
        steps = zip(cycle, (*cycle[1:], cycle[0]), strict=True)
        assert all(before in upstream[after] for before, after in steps)
        assert cycle[0] == min(cycle)
    nodes = [node for cycle in cycles for node in cycle]
    assert len(nodes) == len(set(nodes))


@given(strategies.upstreams())
def test_without_the_cycles_that_are_told_the_graph_is_a_dag(upstream):
    told = graph.cycles(upstream, graph.reverse(upstream), limit=100)
    gone = {node for cycle in told for node in cycle}
    rest = tuple(
        () if node in gone else tuple(end for end in ends if end not in gone)
        for node, ends in enumerate(upstream)
    )
    assert graph.cycles(rest, graph.reverse(rest)) == ()
