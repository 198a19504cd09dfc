"""Whether the operator may start where it was called: in its Pod, or where somebody means it to.

Who tries out the commands in a shell has a kubeconfig, and would start a second operator beside that
of the cluster: their Leases differ, so both would act.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from kubedag.shell import credentials, kubeconfig
from kubedag.shell.access import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping


def refusal(environ: Mapping[str, str]) -> str:
    """Why it must not start here; empty if it may."""
    if environ.get("KUBEDAG_CONTEXT") or (credentials.SERVICE_ACCOUNT_DIR / "token").exists():
        return ""
    said = "the chart starts this, in a Pod. Here"
    try:
        chosen = kubeconfig.choose(kubeconfig.paths(environ))
    except CredentialsError as error:
        return f"{said} is none, and no cluster either: {error}"
    return (
        f"{said} it would act on context {chosen.context!r} ({chosen.cluster.server}), beside the"
        " operator that is there. To develop kubedag, name the context:"
        f" KUBEDAG_CONTEXT={shlex.quote(chosen.context)} kubedag operator"
    )
