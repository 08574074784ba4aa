import Foundation

/// The API's description as a readable page, which needs no script and no other file than the front page's style.
///
/// Operations in the order of their paths, each with its parameters, bodies and answers, then the schemas.
struct DescriptionPage {
    private typealias Object = [String: Any]

    private static let methods = ["get", "put", "post", "delete"]

    private let description: Object

    /// Parses the text of an OpenAPI document.
    init(_ json: [UInt8]) {
        description = (try? JSONSerialization.jsonObject(with: Data(json)) as? Object) ?? [:]
    }

    /// The page.
    var html: String {
        let info = description["info"] as? Object ?? [:]
        let paths = description["paths"] as? [String: Object] ?? [:]
        let schemas = (description["components"] as? Object)?["schemas"] as? [String: Object] ?? [:]
        let operations = paths.sorted { $0.key < $1.key }.map { path, operations in
            Self.methods.map { method in
                (operations[method] as? Object).map {
                    operation($0, method: method, path: path, shared: operations["parameters"] as? [Object] ?? [])
                } ?? ""
            }.joined()
        }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>tripstore API</title>
            <link rel="icon" href="\(DocsController.icon)">
            <link rel="stylesheet" href="/assets/page.css">
            </head>
            <body>
            <main>
            <h1>tripstore API</h1>
            \(prose(info["description"]))
            <p class="note">This page becomes interactive if SWAGGER_UI_DIR names a folder with the files of Swagger UI. The description
            itself is <a href="/openapi.json">openapi.json</a>.</p>
            \(operations.joined())
            \(schemas.sorted { $0.key < $1.key }.map(schema).joined())
            </main>
            </body>
            </html>

            """
    }

    // MARK: Parts

    private func operation(_ operation: Object, method: String, path: String, shared: [Object]) -> String {
        let parameters = (shared + (operation["parameters"] as? [Object] ?? [])).map(resolved)
        let bodies = resolved(operation["requestBody"] as? Object ?? [:])["content"] as? [String: Object] ?? [:]
        let responses = operation["responses"] as? [String: Object] ?? [:]
        let answers = responses.sorted { $0.key < $1.key }.map { status, response in
            let response = resolved(response)
            let content = (response["content"] as? [String: Object])?.first?.value
            return [code(status), type(content?["schema"]), Self.inline(response["description"])]
        }
        let known = parameters.map { [code($0["name"]), type($0["schema"]), Self.inline($0["description"])] }
        return """
            <section>
            <h2><span class="method">\(method.uppercased())</span> <code>\(Self.escaped(path))</code></h2>
            <p>\(Self.inline(operation["summary"]))</p>
            \(prose(operation["description"]))
            \(table("Parameters", known))
            \(table("Body", bodies.sorted { $0.key < $1.key }.map { [code($0.key), type($0.value["schema"]), ""] }))
            \(table("Answers", answers))
            </section>

            """
    }

    private func schema(name: String, schema: Object) -> String {
        let properties = schema["properties"] as? [String: Object] ?? [:]
        let members = properties.sorted { $0.key < $1.key }
            .map { [code($0.key), type($0.value), Self.inline($0.value["description"])] }
        return """
            <section id="\(Self.escaped(name))">
            <h2><code>\(Self.escaped(name))</code></h2>
            \(prose(schema["description"]))
            \(members.isEmpty ? "<p>\(type(schema))</p>" : table("Members", members))
            </section>

            """
    }

    private func table(_ title: String, _ rows: [[String]]) -> String {
        guard !rows.isEmpty else { return "" }
        let cells = rows.map { "<tr>" + $0.map { "<td>\($0)</td>" }.joined() + "</tr>\n" }
        return "<h3>\(title)</h3>\n<table><tbody>\n\(cells.joined())</tbody></table>\n"
    }

    /// Returns what a value may be, in a few words.
    private func type(_ schema: Any?) -> String {
        guard let schema = schema as? Object else { return "" }
        if let name = (schema["$ref"] as? String)?.split(separator: "/").last {
            return "<a href=\"#\(Self.escaped(name))\">\(Self.escaped(name))</a>"
        }
        if let values = schema["enum"] as? [String] { return values.map { code($0) }.joined(separator: ", ") }
        var text = Self.escaped((schema["type"] as? [String])?.joined(separator: " or ") ?? schema["type"] as? String ?? "")
        if let items = schema["items"] { text += " of " + type(items) }
        switch (schema["minimum"], schema["maximum"]) {
        case (let least?, let most?): text += " from \(least) to \(most)"
        case (let least?, nil): text += " from \(least)"
        default: break
        }
        if let value = schema["default"] { text += ", default \(Self.escaped("\(value)"))" }
        return text
    }

    /// Returns the target of a reference.
    private func resolved(_ object: Object) -> Object {
        guard let reference = object["$ref"] as? String else { return object }
        let parts = reference.split(separator: "/").dropFirst()
        return parts.reduce(description as Any?) { ($0 as? Object)?[String($1)] } as? Object ?? [:]
    }

    // MARK: Text

    private func prose(_ text: Any?) -> String {
        (text as? String ?? "").split(separator: "\n\n").map { "<p>\(Self.inline(String($0)))</p>\n" }.joined()
    }

    private func code(_ text: Any?) -> String { "<code>\(Self.escaped(text as? String ?? ""))</code>" }

    /// Returns text with the Markdown that the description uses: `code` and **strong**.
    private static func inline(_ text: Any?) -> String {
        escaped(text as? String ?? "").replacing(/`([^`]+)`/) { "<code>\($0.1)</code>" }
            .replacing(/\*\*([^*]+)\*\*/) { "<strong>\($0.1)</strong>" }
    }

    private static func escaped(_ text: some StringProtocol) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
    }
}
