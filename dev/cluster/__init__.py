"""The throw-away cluster kubedag is developed and tested on: ``python3 -m dev.cluster``."""
