"""The server's two pages in a real browser, without a network: what a person sees, and that its buttons and links work."""

import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from playwright.sync_api import expect, sync_playwright

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.tripstore import REPOSITORY, SAMPLE, Server

# The files that scripts/setup unpacks; without them /docs is a page without buttons.
SWAGGER_UI = REPOSITORY / ".build/swagger-ui"
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)

# An expectation has a timeout of its own, the same as everything else here.
expect.set_options(timeout=tripstore.TIMEOUT_SECONDS * 1000)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium here; scripts/setup --tests installs it.")


@pytest.fixture(scope="module")
def browser():
    """Chromium of the system: Playwright drives it and downloads none of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def context(browser):
    with browser.new_context() as context:
        context.set_default_timeout(tripstore.TIMEOUT_SECONDS * 1000)
        yield context


class Visit:
    """A page, its requests to other hosts, and its errors."""

    def __init__(self, context, server):
        self.elsewhere = []
        self.errors = []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("requestfailed", lambda request: self.errors.append(f"{request.url}: {request.failure}"))
        context.route(lambda url: not url.startswith((server.url, "data:")), self.refuse)

    def refuse(self, route):
        self.elsewhere.append(route.request.url)
        route.abort()

    def assert_clean(self):
        assert (self.elsewhere, self.errors) == ([], [])


@pytest.fixture(scope="module")
def pages_server(sample_store, tmp_path_factory):
    """A server with the sample's trips and the files of Swagger UI."""
    assert SWAGGER_UI.is_dir(), "Swagger UI is missing; scripts/setup unpacks it."
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(sample_store, folder / "data")
    with Server(folder / "data", folder / "log", SWAGGER_UI_DIR=str(SWAGGER_UI)) as server:
        yield server


# MARK: /

def rows_of(page):
    return [row.split("\t") for row in page.locator("tbody").inner_text().split("\n")]


def test_the_page_shows_the_regions_and_how_to_load_more(context, pages_server):
    visit = Visit(context, pages_server)
    visit.page.goto(pages_server.url)
    expect(visit.page.locator("tbody tr")).to_have_count(3)
    assert visit.page.title() == "tripstore"
    assert visit.page.get_by_role("heading", level=1).inner_text() == "tripstore"
    assert rows_of(visit.page) == [["Turin", "38", "2018-05-01", "2018-05-31"], ["Prague", "34", "2018-05-01", "2018-05-29"],
                                   ["Hamburg", "28", "2018-05-01", "2018-05-31"]]
    assert f"curl -T trips.csv {pages_server.url}/ingest/\n" in visit.page.locator("pre").inner_text()
    expect(visit.page.get_by_role("status")).to_be_hidden()
    visit.assert_clean()


def test_every_link_of_the_page_leads_somewhere(context, pages_server):
    visit = Visit(context, pages_server)
    visit.page.goto(pages_server.url)
    names = visit.page.get_by_role("link").all_inner_texts()
    assert "API documentation" in names
    for name in names:
        with visit.page.expect_navigation() as navigation:
            visit.page.get_by_role("link", name=name, exact=True).click()
        assert navigation.value.status == 200, name
        visit.page.go_back()
    visit.assert_clean()


def test_the_page_of_an_empty_store_says_so_and_shows_what_comes(context, server):
    visit = Visit(context, server)
    visit.page.clock.install()
    visit.page.goto(server.url)
    expect(visit.page.get_by_role("status")).to_have_text("No trips yet: upload a CSV as above.")
    expect(visit.page.get_by_role("table")).to_be_hidden()
    server.ingest(SAMPLE)
    visit.page.clock.fast_forward(10_000)
    expect(visit.page.locator("tbody tr")).to_have_count(3)
    expect(visit.page.get_by_role("status")).to_be_hidden()
    visit.assert_clean()


def test_the_page_says_that_the_server_is_gone_and_recovers(context, server):
    server.ingest(SAMPLE)
    visit = Visit(context, server)
    visit.page.clock.install()
    visit.page.goto(server.url)
    expect(visit.page.locator("tbody tr")).to_have_count(3)
    server.stop()
    visit.page.clock.fast_forward(10_000)
    expect(visit.page.get_by_role("status")).to_contain_text("The regions can't be shown")
    server.start()
    visit.page.clock.fast_forward(10_000)
    expect(visit.page.get_by_role("status")).to_be_hidden()
    assert visit.elsewhere == []


def test_a_name_is_text_whatever_is_in_it(context, server):
    name = "<img src=x onerror=alert(1)>"
    row = f"{name},POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40,car"
    job = server.post_csv(f"region,origin_coord,destination_coord,datetime,datasource\n{row}\n".encode()).json["job_id"]
    assert server.wait_for_job(job)["processed_rows"] == 1
    visit = Visit(context, server)
    visit.page.on("dialog", lambda dialog: (visit.errors.append("a dialog"), dialog.dismiss()))
    visit.page.goto(server.url)
    expect(visit.page.locator("tbody td").first).to_have_text(name)
    visit.assert_clean()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_its_words_can_be_read(browser, pages_server, width, scheme):
    """Nothing is wider than the window, and text has the contrast that WCAG 2.2 requires."""
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(pages_server.url)
        expect(page.locator("tbody tr")).to_have_count(3)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for element in ("h1 + p", "nav a", "pre", "td", "thead th"):
            assert contrast(page.locator(element).first) >= 4.5, element


def contrast(locator):
    """Of a text and what is behind it."""
    text, ground = locator.evaluate("""element => {
        const text = getComputedStyle(element).color;
        while (getComputedStyle(element).backgroundColor === "rgba(0, 0, 0, 0)") element = element.parentElement;
        return [text, getComputedStyle(element).backgroundColor];
    }""")

    def luminance(color):
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(text), luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


# MARK: Policies

def test_no_page_frames_the_pages_and_none_runs_what_is_put_into_it(context, pages_server):
    """What a hole in a page would let in is not run: neither text of the page nor a file from elsewhere."""
    visit = Visit(context, pages_server)
    visit.page.goto(pages_server.url)
    expect(visit.page.locator("tbody tr")).to_have_count(3)
    assert visit.errors == []
    ran = visit.page.evaluate("""async () => {
        document.body.insertAdjacentHTML("beforeend", "<img src=/nothing onerror='window.ran = 1'>");
        const script = document.createElement("script");
        script.textContent = "window.ran = 2";
        document.body.append(script);
        setTimeout("window.ran = 3", 0);
        const frame = document.createElement("iframe");
        frame.src = "/docs";
        document.body.append(frame);
        await new Promise(done => setTimeout(done, 200));
        return window.ran ?? 0;
    }""")
    assert ran == 0
    assert any("Content Security Policy" in error for error in visit.errors)


@pytest.mark.parametrize("path", ["/", "/docs", "/regions"])
def test_nothing_can_be_framed(context, pages_server, path):
    """By a page of another port, which is another origin."""
    class Framing(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<iframe src="{pages_server.url}{path}"></iframe>'.encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Framing) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        page = context.new_page()
        errors = []
        page.on("console", lambda message: errors.append(message.text))
        page.goto(f"http://127.0.0.1:{elsewhere.server_port}/")
        elsewhere.shutdown()
    assert page.frames[1].url.startswith("chrome-error:")
    assert any("frame-ancestors" in error for error in errors), errors


@pytest.mark.parametrize("path", ["/jobs", "/regions", "/openapi.json", "/metrics", "/jobs/999"])
def test_answers_that_are_no_pages_are_shown_without_errors(context, pages_server, path):
    visit = Visit(context, pages_server)
    visit.page.goto(pages_server.url + path)
    assert [error for error in visit.errors if "404" not in error] == []


def test_the_documentation_without_swagger_ui_is_a_page_to_read(browser, tmp_path):
    """With scripts turned off: it has none."""
    with (Server(tmp_path / "data", tmp_path / "log", SWAGGER_UI_DIR="") as server,
          browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 800}) as context):
        visit = Visit(context, server)
        visit.page.goto(server.url + "/docs")
        described = [(method.upper(), path) for path, methods in server.get("/openapi.json").json["paths"].items()
                     for method in methods if method != "parameters"]
        shown = [tuple(text.split()) for text in visit.page.locator("section h2").all_inner_texts() if " " in text]
        assert sorted(shown) == sorted(described)
        expect(visit.page.get_by_text("SWAGGER_UI_DIR")).to_be_visible()
        visit.page.locator("section").filter(has_text="/jobs/{job_id}/rejects").get_by_role("link", name="Rejects").click()
        assert visit.page.url.endswith("/docs#Rejects")
        visit.assert_clean()


# MARK: /docs

def opened_docs(context, server):
    visit = Visit(context, server)
    visit.page.goto(server.url + "/docs")
    expect(visit.page.locator(".opblock").first).to_be_visible()
    return visit


def operation(page, method, path):
    """Opens an operation of the documentation."""
    block = page.locator(f".opblock-{method.lower()}").filter(has=page.locator(f'[data-path="{path}"]'))
    block.locator(".opblock-summary-control").click()
    return block


def executed(block):
    """Presses "Execute"; returns the status and the body that are shown."""
    block.get_by_role("button", name="Execute").click()
    response = block.locator(".live-responses-table .response")
    expect(response).to_be_visible()
    status = response.locator(".response-col_status").inner_text().split()[0]
    return status, response.locator(".response-col_description pre").first


def test_the_documentation_lists_every_operation_of_the_description(context, pages_server):
    described = {(method.upper(), path) for path, methods in pages_server.get("/openapi.json").json["paths"].items()
                 for method in methods if method in ("get", "put", "post", "delete")}
    page = opened_docs(context, pages_server).page
    shown = {(block.locator(".opblock-summary-method").inner_text(),
              block.locator(".opblock-summary-path").get_attribute("data-path")) for block in page.locator(".opblock").all()}
    assert shown == described
    assert ("GET", "/health") in shown and len(shown) > 10


def test_the_documentation_needs_no_network_and_makes_no_errors(context, pages_server):
    """But for its icon, which this browser does not fetch while its requests are watched; test_http.py asks for it."""
    visit = opened_docs(context, pages_server)
    visit.page.wait_for_load_state("networkidle")
    visit.assert_clean()


@pytest.mark.parametrize("path, word", [
    ("/health", "ok"), ("/regions", "Turin"), ("/jobs", "trips.csv"), ("/trip-groups", "total_groups"),
    ("/analytics/weekly-average", "2018-W18")])
def test_trying_a_query_out_as_it_stands_shows_its_answer(context, pages_server, path, word):
    visit = opened_docs(context, pages_server)
    status, body = executed(operation(visit.page, "GET", path))
    assert status == "200"
    expect(body).to_contain_text(word)
    visit.assert_clean()


BOX = {"min_lat": "50.0", "max_lat": "50.1", "min_lng": "14.3", "max_lng": "14.6"}


@pytest.mark.parametrize("parameters, status, words", [
    (BOX, "200", '"weekly_average": 4.2'),
    (BOX | {"region": "Atlantis"}, "404", "No trips found for the specified filters"),
    (BOX | {"min_lat": "51"}, "400", "Invalid bounding box coordinates"),
], ids=["answer", "nothing", "mistake"])
def test_trying_a_query_out_with_parameters(context, pages_server, parameters, status, words):
    block = operation(opened_docs(context, pages_server).page, "GET", "/analytics/weekly-average")
    for name, value in ({"region": ""} | parameters).items():
        block.locator(f'[data-param-name="{name}"] input').fill(value)
    shown, body = executed(block)
    expect(body).to_contain_text(words)
    assert shown == status


def test_a_file_can_be_uploaded_from_the_documentation(context, tmp_path):
    with Server(tmp_path / "data", tmp_path / "log", SWAGGER_UI_DIR=str(SWAGGER_UI)) as server:
        block = operation(opened_docs(context, server).page, "POST", "/ingest")
        block.locator("input[type=file]").first.set_input_files(SAMPLE)
        status, body = executed(block)
        assert status == "202", body.inner_text()
        expect(body).to_contain_text("Ingestion scheduled")
        assert server.wait_for_job(1)["processed_rows"] == 100
