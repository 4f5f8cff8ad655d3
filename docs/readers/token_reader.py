"""Calls an API with a token from a mounted Kubernetes Secret (Python 3.9 and later, no packages).

A call that is refused with 401 is made a second time only with another token. If the file still has the refused one, the
daemon is told, once for all threads of this process.
"""

import hashlib
import json
import threading
import time
import urllib.error
import urllib.request

# How long a call waits for a replacement at most, and how long the same token is not reported again at least.
MAX_WAIT_S = 10
MIN_QUIET_S = 30
MAX_QUIET_S = 3600
REPORT_LIMIT_S = 5


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class TokenReader:
    def __init__(self, token_file, rejections_url, identity_file):
        """
        token_file: `token.json` in the mounted folder: one file, because two could be of two tokens
        rejections_url: http://token-refresher-rejections.NAMESPACE:8081/v1/tokens/NAME/rejections
        identity_file: the projected service-account token
        """
        self._token_file = token_file
        self._rejections_url = rejections_url
        self._identity_file = identity_file
        self._lock = threading.Lock()
        self._reported = None
        self._quiet_until = 0.0

    def call(self, url, data=None, method=None, headers=None, timeout=30):
        """The answer, whatever its status, as of urllib.request.urlopen. `data` is sent twice if need be."""

        def send(token):
            request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
            # Unredirected: another host must not get the token.
            request.add_unredirected_header("Authorization", token["authorization"])
            try:
                return urllib.request.urlopen(request, timeout=timeout)
            except urllib.error.HTTPError as answer:
                return answer

        token = self._read()
        answer = send(token)
        if answer.status != 401:
            return answer
        current = self._read_again(token)
        if current["access_token"] == token["access_token"]:
            self._report_once(hashlib.sha256(token["access_token"].encode()).hexdigest())
            current = self._read_again(token)
        if current["access_token"] == token["access_token"]:
            return answer
        answer.close()
        return send(current)

    def _read(self):
        # At each use: the kubelet changes the file, and nothing tells the program.
        try:
            return self._read_once()
        except FileNotFoundError:
            return self._read_once()  # The kubelet has just removed the folder.

    def _read_once(self):
        with open(self._token_file, encoding="utf-8") as file:
            return json.load(file)

    def _read_again(self, token):
        # When the file cannot be read any more, the answer that is there says more than that.
        try:
            return self._read()
        except (OSError, ValueError):
            return token

    def _report_once(self, sha256):
        # The lock is held while the first waits for the replacement: all others wait with it, and find it reported.
        with self._lock:
            if self._reported == sha256 and time.monotonic() < self._quiet_until:
                return
            started = time.monotonic()
            # In a thread: a timeout of urlopen is one of each read, and begins when the name is known.
            said = []
            report = threading.Thread(target=lambda: said.append(self._report(sha256)), daemon=True)
            report.start()
            report.join(REPORT_LIMIT_S)
            status, retry_after = said[0] if said else (0, 0)
            if status == 202:
                time.sleep(min(retry_after, MAX_WAIT_S))
            self._reported = sha256
            self._quiet_until = started + max(retry_after, MIN_QUIET_S)

    def _report(self, sha256):
        """Status and seconds to wait. A daemon that does not answer must not make the call fail."""
        try:
            with open(self._identity_file, encoding="utf-8") as file:
                identity = file.read().strip()
            request = urllib.request.Request(
                self._rejections_url,
                data=json.dumps({"sha256": sha256, "status": 401}).encode(),
                headers={"Authorization": f"Bearer {identity}", "Content-Type": "application/json"},
            )
            # Neither a proxy of the environment nor another host gets the identity.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
            try:
                answer = opener.open(request, timeout=REPORT_LIMIT_S)
            except urllib.error.HTTPError as refusal:
                answer = refusal
            with answer:
                retry_after = float(json.load(answer).get("retry_after", answer.headers.get("Retry-After")) or 0)
                return answer.status, min(retry_after, MAX_QUIET_S) if retry_after > 0 else 0
        except Exception:  # Whatever it is that answers there.
            return 0, 0
