"""Values are what they say, all of their text, by both entrances: numbers, names, dates, file names."""

import pytest

from tripstore_tools.harness.tripstore import SAMPLE, cli, flags

BOX = {"min_lat": "50", "max_lat": "50.1", "min_lng": "14", "max_lng": "14.6"}
NOT_NUMBERS = ["1%00xyz", "1%00", "%001", "1%20", "%201", "1x", "0x1p3", "0x10", "nan", "NaN", "inf", "-inf", "infinity",
               "1e400", "1e", "1_0", "1,5", "%D9%A1", "%EF%BC%91", "--1", "1.5.1", "", ".", "-", "e5"]


@pytest.mark.parametrize("path", ["/analytics/weekly-average", "/trip-groups"])
def test_a_number_is_all_of_its_text(sample_server, path):
    """Found: min_lat=1%00xyz was 1, and hexadecimal was taken."""
    for name in BOX:
        for value in NOT_NUMBERS:
            query = "&".join(f"{key}={value if key == name else kept}" for key, kept in BOX.items())
            answer = sample_server.get(f"{path}?{query}")
            assert answer.status == 400 and name in answer.detail, (name, value, answer.body)
    for value in ["50", "50.0", "%2B50", "5e1", "5.0E%2B1", "050", "50."]:
        query = "&".join(f"{key}={value if key == 'min_lat' else kept}" for key, kept in BOX.items())
        assert sample_server.get(f"{path}?{query}").status == 200


@pytest.mark.parametrize("path, name", [
    ("/jobs", "limit"), ("/jobs/1/rejects", "limit"), ("/trip-groups", "limit"), ("/trip-groups", "offset"),
    ("/trip-groups", "precision"), ("/trip-groups", "bucket_minutes")])
@pytest.mark.parametrize("value", ["1%00", "%001", "1%20", "+1", "%2B1", "-1", "1.0", "1e0", "0x1", "%D9%A1", "9" * 40, "1;2",
                                   "1%0A"])
def test_a_whole_number_is_decimal_digits(sample_in_columnstore, path, name, value):
    answer = sample_in_columnstore.get(f"{path}?{name}={value}")
    assert answer.status == 400 and name in answer.detail, answer.body


@pytest.mark.parametrize("name", ["region", "datasource"])
@pytest.mark.parametrize("value", ["a%00b", "%00", "a%0Ab", "%7F", "%C2%9F"])
def test_a_name_has_no_control_character(sample_server, name, value):
    answer = sample_server.get(f"/trip-groups?{name}={value}")
    assert answer.status == 400 and name in answer.detail and "control character" in answer.detail


@pytest.mark.parametrize("query", ["region=%", "region=%4", "region=%zz", "region=%C0%80", "region=%ED%A0%80", "region=%FF",
                                   "%FF=1"])
def test_text_is_percent_encoded_utf_8(sample_server, query):
    answer = sample_server.get(f"/trip-groups?{query}")
    assert answer.status == 400 and "percent-encoding" in answer.detail


@pytest.mark.parametrize("query", ["from=2018-05-01%00", "from=2018-05-01T10:00%00:00", "to=2018-05-01%20",
                                   "from=%2B018-05-01", "within=origin%00", "weeks=calendar%00", "explain=true%00",
                                   "weeks=CALENDAR"])
def test_dates_and_choices_are_all_of_their_text(sample_in_columnstore, query):
    assert sample_in_columnstore.get(f"/analytics/weekly-average?{query}").status == 400


@pytest.mark.parametrize("number", ["1%00", "%001", "+1", "1%20", "01", "1.0", "0x1", "%D9%A1", "9" * 40, "-1", "1%2F"])
def test_a_jobs_number_is_decimal_digits(sample_in_columnstore, number):
    assert sample_in_columnstore.get(f"/jobs/{number}").status == 404


@pytest.mark.parametrize("path", [
    "/ingest?filename=a%00.csv", "/ingest?filename=a%C2%85.csv", "/ingest?filename=a%0A.csv", "/ingest/a%00.csv",
    "/ingest/%zz.csv", "/ingest/%FF.csv", "/ingest/%C0%80.csv", "/ingest?filename=%C0%80.csv",
    f"/ingest?filename={'a' * 252}.csv"])
def test_a_files_name_is_text(sample_in_columnstore, path):
    assert sample_in_columnstore.request("PUT", path, SAMPLE.read_bytes()).status == 400


@pytest.mark.parametrize("body", [b'{"url": "http://h/a\xff.csv"}', b'{"url": "http://h/a.csv", "filename": "a\\u0000.csv"}',
                                  b'{"url": "http://h/a\\u0000.csv"}'])
def test_json_is_utf_8_without_control_characters(sample_in_columnstore, body):
    answer = sample_in_columnstore.request("POST", "/ingest", body, {"Content-Type": "application/json"})
    assert answer.status == 400, answer.body


def test_the_command_line_reads_numbers_alike(sample_store):
    for value in ("0x1p3", "1x", "nan", "1e400", " 1", "1 ", ""):
        done = cli("trip-groups", *flags({**BOX, "min_lat": value}), "--data-dir", sample_store, check=False)
        assert done.returncode != 0 and "--min-lat" in done.stderr, (value, done.stderr)
    for value in ("+1", "1.0", " 1", "0x1"):
        assert cli("trip-groups", f"--limit={value}", "--data-dir", sample_store, check=False).returncode != 0


def test_a_form_can_be_given_another_name(server):
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="blob"\r\n\r\n'
    body = head + SAMPLE.read_bytes() + b"\r\n--B--\r\n"
    fields = {"Content-Type": "multipart/form-data; boundary=B"}
    assert server.request("POST", "/ingest", body, fields).detail == "Only CSV uploads are supported"
    for path in ("/ingest?filename=may.csv", "/ingest/may.csv?duplicate=allow"):
        assert server.request("POST", path, body, fields).json["filename"] == "may.csv"
