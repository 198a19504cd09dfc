"""The few requests a test or the cluster itself has to make, with nothing but the standard library.

Not the product's client on purpose: a test that uses the code it tests can only agree with it.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


class ApiError(Exception):
    """The API server said no."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Client:
    """JSON over one kept connection; threads wait for each other."""

    def __init__(self, url: str, ca_file: Path, token: str) -> None:
        self._netloc = urllib.parse.urlsplit(url).netloc
        self._ca_file = ca_file
        self._token = token
        self._one_at_a_time = threading.RLock()
        self._context: ssl.SSLContext | None = None
        self._connection: http.client.HTTPSConnection | None = None

    def get(self, path: str, **query: str) -> Any:
        """Return the object or list at the path, or the text of what isn't JSON."""
        return self.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def create(self, path: str, body: dict[str, Any]) -> Any:
        return self.request("POST", path, body)

    def patch(self, path: str, body: Any, kind: str = "merge") -> Any:
        return self.request("PATCH", path, body, PATCH_TYPES[kind])

    def delete(self, path: str) -> Any:
        return self.request("DELETE", path)

    def exists(self, path: str) -> bool:
        try:
            self.get(path)
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return False
            raise
        return True

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Any:
        """Send it once; a connection the server has closed while idle is not the caller's fault."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        payload = None if body is None else json.dumps(body).encode()
        with self._one_at_a_time:
            reused = self._connection is not None
            try:
                status, text = self._send(method, path, payload, headers)
            except (OSError, http.client.HTTPException):
                self.close()
                if not reused:
                    raise
                status, text = self._send(method, path, payload, headers)
        if status >= http.client.BAD_REQUEST:
            raise ApiError(status, text)
        return json.loads(text) if text.startswith(("{", "[")) else text

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(
        self, method: str, path: str, payload: bytes | None, headers: dict[str, str]
    ) -> tuple[int, str]:
        if self._connection is None:
            if self._context is None:
                self._context = ssl.create_default_context(cafile=str(self._ca_file))
            self._connection = http.client.HTTPSConnection(
                self._netloc, timeout=30, context=self._context
            )
        try:
            self._connection.request(method, path, payload, headers)
            response = self._connection.getresponse()
            return response.status, response.read().decode()
        except BaseException:  # Ctrl-C too: a half-read answer must not be taken for the next one
            self.close()
            raise
