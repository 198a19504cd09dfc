"""How fast is it, beside how fast it could be: figures, never verdicts.

Every shape of DAG is run twice on the same cluster of processes, in turn: by kubedag, and by a bare
loop that creates each Pod as soon as the watch shows its upstreams Succeeded and does nothing else.
The bare loop is the limit of the machine, so the ratio says what kubedag costs wherever it runs.
"""
