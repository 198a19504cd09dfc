"""The API's types, the only source of the CRDs, of `kubectl explain` and of the reference page.

Nothing here knows what a value leads to: that is `core`. What can be wrong with one object on its
own is said here once, as a `rules.Rule`, for the API server and for `kubedag validate` alike.
"""
