"""HTTP through the sandbox's one way out. `requests`, `urllib` and others work just as well; this needs no package."""

import json as _json
import os
import ssl
import urllib.error
import urllib.request

from ._call import ToolError

MAX_BODY = 16 << 20


class Response:
    """status, headers (names in lower case), body (bytes), url; text(), json() and ok."""

    def __init__(self, status, headers, body, url):
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url

    @property
    def ok(self):
        return 200 <= self.status < 300

    def text(self):
        kind = self.headers.get("content-type", "")
        charset = kind.split("charset=", 1)[1].split(";")[0].strip(" \"'") if "charset=" in kind else "utf-8"
        try:
            return self.body.decode(charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json(self):
        try:
            return _json.loads(self.body)
        except ValueError:
            raise ToolError(f"{self.url} did not answer with JSON.") from None


def fetch(url, method="GET", headers=None, body=None, json=None, timeout=15.0, max_bytes=MAX_BODY):
    """Asks `url` and returns a Response, whatever its status. ToolError if there is no answer at all."""
    if not str(url).lower().startswith(("http://", "https://")):
        raise ToolError("Only http:// and https:// addresses can be fetched.")
    headers = dict(headers or {})
    if json is not None:
        body = _json.dumps(json).encode()
        headers.setdefault("Content-Type", "application/json")
    elif isinstance(body, str):
        body = body.encode()
    try:
        request = urllib.request.Request(url, data=body, headers=headers, method=method.upper())
        context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        try:
            answer = opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            content = answer.read(max_bytes + 1)
            if len(content) > max_bytes:
                raise ToolError(f"{url} answered with more than {max_bytes} bytes.")
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, found, content, answer.geturl())
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise ToolError(f"{url} cannot be reached: {reason}") from None
    except ValueError as error:
        raise ToolError(f"{url} cannot be fetched: {error}") from None
