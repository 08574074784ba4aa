import Foundation
import HTTPTypes
import Ingestion
import LocalStore
import NIOCore
import NIOPosix
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct IngestionControllerTests {
    private static func form(filename: String?, field: String = "file", text: String = ServerFixture.csv) -> String {
        let file = filename.map { "; filename=\"\($0)\"" } ?? ""
        return "--XX\r\nContent-Disposition: form-data; name=\"comment\"\r\n\r\nnot a file\r\n"
            + "--XX\r\nContent-Disposition: form-data; name=\"\(field)\"\(file)\r\nContent-Type: text/csv\r\n\r\n"
            + "\(text)\r\n--XX--\r\n"
    }
    private static let formHeaders: HTTPFields = [.contentType: "multipart/form-data; boundary=XX"]

    @Test(
        arguments: [
            (HTTPRequest.Method.post, "/ingest", "text/csv", "upload.csv"),
            (.post, "/ingest", "application/octet-stream", "upload.csv"),
            (.post, "/ingest", nil, "upload.csv"),
            (.put, "/ingest/trips.csv", nil, "trips.csv"),
            (.put, "/ingest/two%20words+.CSV", nil, "two words+.CSV"),
            (.put, "/ingest", nil, "upload.csv"),
            (.post, "/ingest?filename=b%C5%99ezen+1.csv", "text/csv", "březen 1.csv"),
            (.post, "/ingest?filename=..%2F..%2Fetc%2Fpasswd.csv", "text/csv", "passwd.csv"),
        ] as [(HTTPRequest.Method, String, String?, String)])
    func takesRawBodies(method: HTTPRequest.Method, uri: String, type: String?, filename: String) async throws {
        try await ServerFixture.run { server in
            var headers = HTTPFields()
            headers[.contentType] = type
            let response = try await server.send(method, uri, headers: headers, body: ServerFixture.csv)
            #expect(response.status == .accepted)
            let answer = try ServerFixture.object(response)
            let id = try #require(answer["job_id"] as? Int64)
            #expect(answer["message"] as? String == "Ingestion scheduled")
            #expect(answer["filename"] as? String == filename)
            #expect(response.headers[.location] == "/jobs/\(id)")
            let job = try await server.finished(id)
            #expect(job.status == .completed)
            #expect(job.processedRows == 4)
            #expect(job.rejectedRows == 1)
            #expect(job.filename == filename)
        }
    }

    @Test(arguments: ["trips.csv", "TRIPS.CSV", "C:\\data\\trips.csv"])
    func takesForms(filename: String) async throws {
        try await ServerFixture.run { server in
            let response = try await server.send(
                .post, "/ingest", headers: Self.formHeaders, body: Self.form(filename: filename))
            #expect(response.status == .accepted)
            let answer = try ServerFixture.object(response)
            #expect(answer["filename"] as? String == filename.split(separator: "\\").last.map(String.init))
            let job = try await server.finished(try #require(answer["job_id"] as? Int64))
            #expect(job.status == .completed)
            #expect(job.processedRows == 4)
            #expect(job.totalBytes == ServerFixture.csv.utf8.count)
        }
    }

    @Test(arguments: ["trips.csv.gz", "trips.CSV.Zst", "trips.csv.bz2", "trips.ZIP"])
    func takesNamesOfCompressedFiles(filename: String) async throws {
        try await ServerFixture.run(ingests: false) { server in
            let response = try await server.send(.put, "/ingest/\(filename)", body: "compressed")
            #expect(response.status == .accepted)
            #expect(try ServerFixture.object(response)["filename"] as? String == filename)
        }
    }

    @Test(arguments: ["trips.txt", "trips", "csv", ".csv", "trips.csv.xz", "x/", "trips%0A.csv", "%FF"])
    func refusesOtherNames(filename: String) async throws {
        try await ServerFixture.run(ingests: false) { server in
            try await server.expectError(
                .post, "/ingest?filename=\(filename)", headers: [.contentType: "text/csv"], body: "x", 400,
                filename == "%FF"
                    ? "The query 'filename=%FF' is not valid percent-encoding; encode it as UTF-8."
                    : "Only CSV uploads are supported")
            #expect(try server.uploads().isEmpty)
        }
    }

    @Test(arguments: [
        ("regoin", "region"), ("time-zone", "time_zone"), ("Datasource", "datasource"), ("date_oder", "date_order"),
    ])
    func refusesMisspeltFields(name: String, meant: String) async throws {
        try await ServerFixture.run(ingests: false) { server in
            let form = Self.form(filename: "trips.csv")
            let field = "--XX\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\nx\r\n"
            try await server.expectError(
                .post, "/ingest", headers: Self.formHeaders, body: field + form, 400,
                "The form's field '\(name)' is unknown; if \(meant) is meant, name it so.")
            #expect(try server.uploads().isEmpty)
            let other =
                "--XX\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n"
                + "--XX\r\nContent-Disposition: form-data; name=\"places\"\r\n\r\n\r\n"
            #expect(try await server.send(.post, "/ingest", headers: Self.formHeaders, body: other + form).status == .accepted)
        }
    }

    @Test func refusesFormsWithAnotherName() async throws {
        try await ServerFixture.run(ingests: false) { server in
            try await server.expectError(
                .post, "/ingest", headers: Self.formHeaders, body: Self.form(filename: "trips.xlsx"), 400,
                "Only CSV uploads are supported")
            #expect(try server.uploads().isEmpty)
        }
    }

    @Test func saysWhatIsWrongWithAForm() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let missing = "The form has no file in its field 'file'; send one, for example with curl -F file=@trips.csv."
            for body in [
                Self.form(filename: "trips.csv", field: "upload"), Self.form(filename: nil), Self.form(filename: ""),
                "--XX--\r\n",
            ] {
                try await server.expectError(.post, "/ingest", headers: Self.formHeaders, body: body, 400, missing)
            }
            let form = Self.form(filename: "trips.csv")
            try await server.expectError(
                .post, "/ingest", headers: Self.formHeaders, body: String(form.dropLast(5)), 400,
                "The multipart body ends before its last boundary; send it again.")
            try await server.expectError(
                .post, "/ingest", headers: Self.formHeaders, body: form.replacing("--XX--\r\n", with: form), 400,
                "The form has more than one file; send each in a request of its own.")
            try await server.expectError(
                .post, "/ingest", headers: [.contentType: "multipart/form-data"], body: form, 400,
                "The Content-Type has no valid boundary; let the client make the multipart body.")
            #expect(try server.uploads().isEmpty)
        }
    }

    @Test(
        arguments: [
            ("/ingest", #"{"url": "test://host/trips.csv"}"#, "trips.csv"),
            ("/ingest", #"{"url": "test://host/x", "filename": "../may.csv"}"#, "may.csv"),
            ("/ingest?filename=june.csv", #"{"url": "test://host/x", "filename": null}"#, "june.csv"),
            ("/ingest/july.csv", #"{"url": "test://host/x"}"#, "july.csv"),
        ])
    func takesURLs(uri: String, body: String, filename: String) async throws {
        try await ServerFixture.run { server in
            let response = try await server.send(.post, uri, headers: Self.jsonHeaders, body: body)
            #expect(response.status == .accepted)
            let answer = try ServerFixture.object(response)
            #expect(answer["filename"] as? String == filename)
            let id = try #require(answer["job_id"] as? Int64)
            #expect(response.headers[.location] == "/jobs/\(id)")
            let job = try await server.finished(id)
            #expect(job.status == .completed && job.processedRows == 4)
            #expect(job.totalBytes == ServerFixture.csv.utf8.count)
            #expect(try server.uploads().isEmpty)
        }
    }

    private static let known =
        "duplicate, dry_run, map, region, datasource, time_zone, date_order, missing_destination, null_island, places, "
        + "delimiter, encoding, decimal_comma, header, profile"
    private static let jsonHeaders: HTTPFields = [.contentType: "application/json"]

    @Test func saysWhatIsWrongWithAURL() async throws {
        try await ServerFixture.run { server in
            let example = #"send {"url": "https://HOST/trips.csv"}."#
            for (body, status, detail) in [
                ("", 400, "The body is not a JSON object; \(example)"),
                ("[]", 400, "The body is not a JSON object; \(example)"),
                ("{}", 400, "Field 'url' must be the URL of a file, as text; \(example)"),
                (#"{"url": 1}"#, 400, "Field 'url' must be the URL of a file, as text; \(example)"),
                (
                    #"{"url": "test://h/x.csv", "name": ""}"#, 400,
                    "Unknown field 'name'; known are: url, filename, \(Self.known)."
                ),
                (
                    #"{"url": "test://h/x.csv", "date_order": "day-first", "date_\u006Frder": "month-first"}"#, 400,
                    "Field 'date_order' is given twice; give it once."
                ),
                (#"{"url": "test://h/x.csv", "filename": 1}"#, 400, "Field 'filename' must be text, or be left out."),
                (
                    #"{"url": "test://h/x.txt"}"#, 400,
                    "Only CSV uploads are supported; the name in this URL does not end in .csv, .csv.gz, .csv.zst, "
                        + ".csv.bz2 or .zip: give it one that does as 'filename'."
                ),
                (#"{"url": "test://h/x.csv", "filename": "x"}"#, 400, "Only CSV uploads are supported"),
                (#"{"url": "other://h/x.csv"}"#, 400, "Only test:// is fetched."),
                (
                    #"{"url": ""# + String(repeating: "x", count: 40_000) + #""}"#, 413,
                    #"The JSON is larger than 32,768 bytes; send {"url": "..."}, or the file itself as text/csv."#
                ),
            ] {
                try await server.expectError(.post, "/ingest", headers: Self.jsonHeaders, body: body, status, detail)
            }
            #expect(try server.store.jobs.jobs(limit: 10, status: nil).isEmpty)
        }
    }

    @Test func saysWhatIsWrongWithARequest() async throws {
        try await ServerFixture.run(ingests: false) { server in
            try await server.expectError(
                .post, "/ingest", 400,
                "The request has no body, or its file is empty; send the CSV, for example with curl -T trips.csv.")
            try await server.expectError(
                .post, "/ingest?name=x.csv", body: "x", 400, "Unknown parameter 'name'; known are: filename, \(Self.known).")
            try await server.expectError(
                .post, "/ingest?filename=", body: "x", 400,
                "Parameter 'filename' is empty; give it a value or leave it out.")
            try await server.expectError(
                .post, "/ingest", headers: [.contentType: "application/x-www-form-urlencoded"], body: "x", 415,
                "Send the CSV as the field 'file' of multipart/form-data or as a raw body of type text/csv, "
                    + "not application/x-www-form-urlencoded.")
            try await server.expectError(
                .post, "/ingest", headers: [.contentType: "text/csv", .contentEncoding: "gzip"], body: "x", 415,
                "Content-Encoding is not supported; upload the compressed file as .csv.gz or .csv.zst.")
            let response = try await server.send(.get, "/ingest")
            #expect(response.status == .methodNotAllowed)
            #expect(response.headers[.allow] == "POST, PUT")
            #expect(try server.uploads().isEmpty)
        }
    }

    @Test func keepsEveryByteOfALargeUpload() async throws {
        try await ServerFixture.run(ingests: false) { server in
            // Several writes' worth, so that pieces have to come together in order.
            let row =
                "Prague,POINT (14.4973794438195 50.00136875782316),POINT (14.43109483523328 50.0405),2018-05-28 09:03:40,x\n"
            let text = String(repeating: row, count: 20_000)
            let raw = try await server.upload(text)
            #expect(try server.store.jobs.job(raw).totalBytes == text.utf8.count)
            let response = try await server.send(
                .post, "/ingest?duplicate=allow", headers: Self.formHeaders,
                body: Self.form(filename: "trips.csv", text: text))
            let form = try #require(try ServerFixture.object(response)["job_id"] as? Int64)
            #expect(try server.store.jobs.job(form).totalBytes == text.utf8.count)
            #expect(try await server.metric("tripstore_upload_bytes_total") == 2 * text.utf8.count)
        }
    }

    @Test(arguments: [
        "Content-Length: 1000\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Content-Type: multipart/form-data; boundary=XX\r\nContent-Length: 1000\r\n\r\n"
            + "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nabc",
    ])
    func removesTheFileOfAnUploadThatBreaksOff(rest: String) async throws {
        try await ServerFixture.run(ingests: false) { server in
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send("POST /ingest HTTP/1.1\r\nHost: localhost\r\n" + rest)
            try await server.until { try !server.uploads().isEmpty }
            try await connection.close()
            try await server.until { try server.uploads().isEmpty }
            #expect(try server.store.jobs.jobs(limit: 10, status: nil).isEmpty)
        }
    }

    @Test func saysThatTheDiskRefuses() async throws {
        try await ServerFixture.run(ingests: false) { server in
            try FileManager.default.removeItem(atPath: server.store.jobs.uploadsDirectory)
            try await server.expectError(
                .put, "/ingest/a.csv", body: "x", 500,
                "The upload can't be written to disk (No such file or directory); try again later.")
            try await server.expectError(
                .post, "/ingest", headers: Self.formHeaders, body: Self.form(filename: "a.csv"), 500,
                "The upload can't be written to disk (No such file or directory); try again later.")
        }
    }

    @Test func letsAClientContinueOnceItsRequestIsInOrder() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let connection = try await RawConnection.open(port: server.port)
            let head = " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
            try await connection.send("PUT /ingest/a.csv" + head)
            #expect(try await connection.head().hasPrefix("HTTP/1.1 100 "))
            try await connection.send("abc")
            #expect(try await connection.head().hasPrefix("HTTP/1.1 202 "))
            try await connection.close()
            let refused = try await RawConnection.open(port: server.port)
            try await refused.send("PUT /ingest/a.txt" + head)
            #expect(try await refused.head().hasPrefix("HTTP/1.1 400 "))
            try await refused.close()
        }
    }
}
