"""kubedag: data pipelines on Kubernetes, one Pod per task."""

__version__ = "0.1.0"
