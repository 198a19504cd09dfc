"""Everything that is generated: ``python -m dev.generate``.

What can be derived is derived, so that it cannot be forgotten: the CRDs from the API's types, the
chart's copies from the CRDs, the reference from both. Nothing here reads a clock or the network;
the same sources give the same bytes.
"""
