"""What every answer tells browsers, whoever gives it; test_browser.py sees that they obey."""

import socket

import pytest

from tripstore_tools.harness import tripstore

STRICT = {
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin"}


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/health", 200), ("HEAD", "/health", 200), ("GET", "/", 200), ("GET", "/docs", 200), ("GET", "/metrics", 200),
    ("GET", "/assets/page.js", 200), ("GET", "/assets/page.css", 200), ("GET", "/jobs/1/events", 200),
    ("GET", "/ws/ingestion/1", 426), ("GET", "/nothing", 404), ("DELETE", "/health", 405), ("GET", "/jobs?limit=0", 400),
    ("POST", "/ingest?filename=x", 400)])
def test_every_answer_tells_browsers_to_keep_to_it(sample_server, method, path, status):
    answer = sample_server.request(method, path)
    assert answer.status == status
    for name, value in STRICT.items():
        assert answer.headers.get_all(name) == [value], name
    policy, = answer.headers.get_all("Content-Security-Policy")
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert ("script-src 'self'" in policy) == (path in ("/", "/docs"))


def test_an_answer_to_what_is_no_http_keeps_to_it_too(sample_server):
    with socket.create_connection(("127.0.0.1", sample_server.port), timeout=tripstore.TIMEOUT_SECONDS) as connection:
        connection.sendall(b"NONSENSE\r\n\r\n")
        text = connection.makefile("rb").read().decode().lower()
    assert text.startswith("http/1.1 400") and "x-content-type-options: nosniff" in text and "default-src 'none'" in text
