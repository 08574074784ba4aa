import Foundation
import HTTPTypes
import HummingbirdCore
import NIOCore

/// Serves the front page, the API's description and its documentation: nothing of it comes from another host.
///
/// If a folder has Swagger UI's files, the documentation is interactive; otherwise it is a page that `DescriptionPage` makes
/// from the description.
struct DocsController: Sendable {
    /// The files of `swagger-ui-dist` that are served, with their types; nothing else in the folder is reachable.
    private static let swaggerAssets = ["swagger-ui.css": stylesheet, "swagger-ui-bundle.js": script]
    private static let page = "text/html; charset=utf-8"
    private static let stylesheet = "text/css; charset=utf-8"
    private static let script = "text/javascript; charset=utf-8"
    /// What pages may load and run: files of this server, no text of the page itself.
    ///
    /// Swagger UI has its icons in `data:` URLs.
    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'"

    /// Swagger UI's files, which slow clients share; empty if the folder has none.
    private let swagger: [String: (bytes: ByteBuffer, type: String)]
    private let assets: [String: (bytes: ByteBuffer, type: String)]
    private let front: ByteBuffer
    private let description: ByteBuffer
    private let documentation: ByteBuffer

    init(swaggerDirectory: String?) {
        swagger = swaggerDirectory.map(Self.swagger) ?? [:]
        assets = [
            "page.css": (ByteBuffer(bytes: PackageResources.page_css), Self.stylesheet),
            "page.js": (ByteBuffer(bytes: PackageResources.page_js), Self.script),
            "docs.js": (ByteBuffer(bytes: PackageResources.docs_js), Self.script),
        ]
        front = ByteBuffer(bytes: PackageResources.index_html)
        description = ByteBuffer(bytes: PackageResources.openapi_json)
        documentation = ByteBuffer(
            string: swagger.isEmpty ? DescriptionPage(PackageResources.openapi_json).html : Self.swaggerPage)
    }

    func addRoutes(to router: inout Router) {
        router.resource("/", [.get: { _, _ in Self.page(front) }])
        router.resource("/assets/{file}", [.get: asset])
        router.resource("/openapi.json", [.get: { _, _ in .content(description, type: "application/json") }])
        router.resource("/docs", [.get: { _, _ in Self.page(documentation) }])
        router.resource("/docs/assets/{file}", [.get: swaggerAsset])
    }

    private static func page(_ bytes: ByteBuffer) -> Response {
        .content(bytes, type: page, headers: [.contentSecurityPolicy: policy])
    }

    @Sendable private func asset(_ request: Request, context: ServerRequestContext) async throws -> Response {
        guard let name = context.parameters["file"], let asset = assets[name] else { throw HTTPError(.notFound) }
        return .content(asset.bytes, type: asset.type, headers: [.cacheControl: "no-cache"])
    }

    @Sendable private func swaggerAsset(_ request: Request, context: ServerRequestContext) async throws -> Response {
        guard let name = context.parameters["file"], let file = swagger[name] else { throw HTTPError(.notFound) }
        return .content(file.bytes, type: file.type, headers: [.cacheControl: "max-age=3600"])
    }

    private static func swagger(in directory: String) -> [String: (bytes: ByteBuffer, type: String)] {
        var files: [String: (bytes: ByteBuffer, type: String)] = [:]
        for (name, type) in swaggerAssets {
            if let data = FileManager.default.contents(atPath: "\(directory)/\(name)") {
                files[name] = (ByteBuffer(bytes: data), type)
            }
        }
        return files["swagger-ui-bundle.js"] == nil ? [:] : files
    }

    /// The same icon as the front page's, embedded: Swagger UI's files need not have one.
    static let icon =
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
        + "<rect width='16' height='16' rx='4' fill='%230b6e5f'/>"
        + "<path d='M4 11c0-5 8-1 8-6' stroke='white' stroke-width='1.6' fill='none' stroke-linecap='round'/></svg>"

    private static let swaggerPage = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>tripstore API</title>
        <link rel="icon" href="\(icon)">
        <link rel="stylesheet" href="/docs/assets/swagger-ui.css">
        </head>
        <body>
        <div id="swagger-ui"></div>
        <noscript>The interactive documentation needs JavaScript; <a href="/openapi.json">openapi.json</a> does not.</noscript>
        <script src="/docs/assets/swagger-ui-bundle.js"></script>
        <script src="/assets/docs.js"></script>
        </body>
        </html>

        """
}
