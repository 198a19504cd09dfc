"""A Kubernetes made of plain processes, for tests and benchmarks that need a real API server.

Fakes agree with whoever wrote them; a real API server disagrees where it matters (conflicts,
admission, watch semantics, garbage collection). A cluster of containers takes a minute and a
container engine; these processes take seconds and neither root nor a network.
"""

from dev.cluster.procs.client import ApiError, Client
from dev.cluster.procs.cluster import ProcessCluster
from dev.cluster.procs.components import Component, Profile

__all__ = ["ApiError", "Client", "Component", "ProcessCluster", "Profile"]
