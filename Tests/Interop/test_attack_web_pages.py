"""Pages of other sites in a real browser, whose user has a server on the same machine: they can neither change nor read anything."""

import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import sync_playwright

from tripstore_tools.harness.tripstore import SAMPLE, TIMEOUT_SECONDS, Server, wait_until

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium here; scripts/setup --tests installs it.")

# What a page tries; each ends with what it got, or with what the browser said. Files differ, as the same bytes are refused anyway.
ATTEMPTS = """
async ({server, csv}) => {
  const tries = {
    post: () => fetch(`${server}/ingest?filename=evil.csv`, {method: "POST", mode: "no-cors", body: csv + "\\n"}),
    form: () => {
      const form = new FormData();
      form.append("file", new Blob([csv, "\\n\\n"]), "evil.csv");
      return fetch(`${server}/ingest`, {method: "POST", mode: "no-cors", body: form});
    },
    json: () => fetch(`${server}/ingest`, {method: "POST", mode: "no-cors", body: '{"url": "http://127.0.0.1/evil.csv"}'}),
    put: () => fetch(`${server}/ingest/evil.csv`, {method: "PUT", body: csv + "\\n\\n\\n"}),
    remove: () => fetch(`${server}/jobs/1`, {method: "DELETE"}),
    read: () => fetch(`${server}/jobs`).then(answer => answer.text()),
    script: () => new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = `${server}/jobs`;
      script.onload = () => done("loaded");
      script.onerror = fail;
      document.body.append(script);
    }),
    socket: () => new Promise((done, fail) => {
      const socket = new WebSocket(`${server.replace("http", "ws")}/ws/ingestion/1`);
      socket.onmessage = event => done(event.data);
      socket.onerror = fail;
    }),
    events: () => new Promise((done, fail) => {
      const events = new EventSource(`${server}/jobs/1/events`);
      events.onmessage = event => done(event.data);
      events.onerror = error => { events.close(); fail(error); };
    }),
  };
  const results = {};
  for (const [name, attempt] of Object.entries(tries)) {
    try {
      const got = await attempt();
      results[name] = typeof got === "string" ? got : `${got.type} ${got.status}`;
    } catch (error) { results[name] = "failed"; }
  }
  return results;
}
"""


class Page(BaseHTTPRequestHandler):
    """An empty page, for any request."""

    def do_GET(self):
        body = b"<!DOCTYPE html><title>elsewhere</title><body></body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def elsewhere():
    """The port of another server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    """Chromium, for which every name below .example leads to this machine, as an attacker's DNS would have it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--host-resolver-rules=MAP *.example 127.0.0.1",
                                            "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"])
        yield browser
        browser.close()


def visit(browser, url, **context):
    page = browser.new_context(**context).new_page()
    page.set_default_timeout(TIMEOUT_SECONDS * 1000)
    page.goto(url)
    return page


def attempts(page, server_url):
    return page.evaluate(ATTEMPTS, {"server": server_url, "csv": SAMPLE.read_text()})


@pytest.mark.parametrize("origin", ["http://127.0.0.1:{}", "http://localhost:{}", "http://evil.example:{}"])
def test_attack_a_page_of_another_origin_changes_and_reads_nothing(browser, elsewhere, server, origin):
    server.ingest(SAMPLE)
    page = visit(browser, origin.format(elsewhere))
    got = attempts(page, server.url)
    # The browser tells the page nothing of the first three.
    # The page learns nothing, and as answers are of the same origin alone, not even that there was one.
    assert {got.pop(name) for name in ("post", "form", "json")} <= {"opaque 0", "failed"}
    assert got == dict.fromkeys(got, "failed")
    # A form that is sent as a form goes to a page of its own.
    page.evaluate("""server => {
      document.body.innerHTML = `<form method="post" enctype="text/plain" action="${server}/ingest?filename=evil.csv">
        <input name="region" value="x"></form>`;
      document.forms[0].submit();
    }""", server.url)
    page.wait_for_url(f"{server.url}/ingest*")
    assert "may not use this server" in page.inner_text("body")
    assert [(job["id"], job["status"]) for job in server.get("/jobs").json] == [(1, "completed")]
    assert server.get("/analytics/weekly-average").json["total_trips"] == 100


def test_attack_a_name_that_leads_here_is_not_answered(browser, server):
    """DNS rebinding: to the browser the page and the server are one origin, and nothing but the name tells them apart."""
    server.ingest(SAMPLE)
    # The policy of our own page would stop its scripts; the attacker's page came from elsewhere and has none.
    page = visit(browser, f"http://rebound.example:{server.port}/health", bypass_csp=True)
    assert page.inner_text("body") == '{"status": "ok"}'
    got = attempts(page, f"http://rebound.example:{server.port}")
    assert got["read"] == "failed" or "does not answer for the host 'rebound.example'" in got["read"]
    got.pop("read")
    changing = ("post", "form", "json", "put", "remove")
    assert {name: got.pop(name) for name in changing} == dict.fromkeys(changing, "basic 400")
    assert got == dict.fromkeys(got, "failed")
    assert [(job["id"], job["status"]) for job in server.get("/jobs").json] == [(1, "completed")]


def test_a_link_from_another_site_is_followed(browser, elsewhere, server):
    page = visit(browser, f"http://evil.example:{elsewhere}")
    page.evaluate("url => { document.body.innerHTML = `<a href='${url}/jobs'>jobs</a>` }", server.url)
    page.get_by_text("jobs").click()
    page.wait_for_url(f"{server.url}/jobs")
    assert page.inner_text("body") == "[]"


def test_pages_of_an_allowed_origin_use_the_server(browser, elsewhere, tmp_path):
    with Server(tmp_path / "data", tmp_path / "log", ALLOWED_ORIGINS=f"http://app.example:{elsewhere}") as server:
        server.ingest(SAMPLE)
        got = attempts(visit(browser, f"http://app.example:{elsewhere}"), server.url)
        assert got["put"] == "cors 202"
        assert '"filename":"trips.csv"' in got["read"]
        assert '"status"' in got["socket"] and '"status"' in got["events"]
        assert got["remove"] == "cors 200"
        others = attempts(visit(browser, f"http://other.example:{elsewhere}"), server.url)
        assert (others["put"], others["read"], others["remove"]) == ("failed", "failed", "failed")
        wait_until(lambda: all(job["status"] != "running" for job in server.get("/jobs").json), "the loads' ends")
