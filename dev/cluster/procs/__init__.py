"""A Kubernetes made of plain processes, for tests and benchmarks that need a real API server.

Fakes agree with whoever wrote them; a real API server disagrees where it matters (conflicts,
admission, watch semantics, garbage collection). A cluster of containers takes a minute and a
container engine; these processes take seconds and neither root nor a network.

    with ProcessCluster(Profile.SCALE, fake_nodes=10) as cluster:
        namespace = cluster.create_namespace()
        subprocess.run(["kubectl", "--kubeconfig", cluster.kubeconfig, ...])

The profiles: API is etcd and the API server; CONTROLLERS adds the controller manager (garbage
collection, service accounts, quota, deletion of namespaces); SCALE adds the scheduler and fake
nodes, on which Pods run as their annotations say (`kwok.yaml`). Only SCALE runs Pods, and none
has logs of them. From a shell: `python -m dev.cluster.procs up --profile scale`.
"""

from dev.cluster.procs.client import ApiError, Client
from dev.cluster.procs.cluster import ProcessCluster
from dev.cluster.procs.components import Component, Profile

__all__ = ["ApiError", "Client", "Component", "ProcessCluster", "Profile"]
