import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix

/// Serves the front page, the API's description and its interactive documentation.
///
/// Swagger UI's files come from a folder of the host where there is one, so that the documentation works offline; otherwise
/// the browser fetches them from a public CDN.
struct DocsController: Sendable {
    /// The files of `swagger-ui-dist` that are served, with their types; nothing else in the folder is reachable.
    private static let assets = [
        "swagger-ui.css": "text/css; charset=utf-8",
        "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    ]
    private static let cdn = "https://unpkg.com/swagger-ui-dist@5"

    private let directory: String?
    private let front: ByteBuffer
    private let description: ByteBuffer
    private let page: ByteBuffer

    init(swaggerDirectory: String?) {
        directory = swaggerDirectory.flatMap { Self.isReadable($0 + "/swagger-ui-bundle.js") ? $0 : nil }
        front = ByteBuffer(bytes: PackageResources.index_html)
        description = ByteBuffer(bytes: PackageResources.openapi_json)
        page = ByteBuffer(string: Self.page(assets: directory == nil ? Self.cdn : "/docs/assets"))
    }

    func addRoutes(to router: Router<ServerRequestContext>) {
        router.resource("/", [.get: { _, _ in .content(front, type: "text/html; charset=utf-8") }])
        router.resource("/openapi.json", [.get: { _, _ in .content(description, type: "application/json") }])
        router.resource("/docs", [.get: { _, _ in .content(page, type: "text/html; charset=utf-8") }])
        router.resource("/docs/assets/{file}", [.get: asset])
    }

    @Sendable private func asset(_ request: Request, context: ServerRequestContext) async throws -> Response {
        guard let directory, let name = context.parameters.get("file"), let type = Self.assets[name] else {
            throw HTTPError(.notFound)
        }
        let path = directory + "/" + name
        guard let bytes = try? await Self.contents(of: path) else { throw HTTPError(.notFound) }
        return .content(bytes, type: type, headers: [.cacheControl: "max-age=3600"])
    }

    private static func contents(of path: String) async throws -> ByteBuffer {
        let io = NonBlockingFileIO(threadPool: .singleton)
        return try await io.withFileRegion(_deprecatedPath: path) {
            try await io.read(fileRegion: $0, allocator: ByteBufferAllocator())
        }
    }

    private static func isReadable(_ path: String) -> Bool {
        guard let handle = try? NIOFileHandle(_deprecatedPath: path) else { return false }
        try? handle.close()
        return true
    }

    /// The same as the front page's, in the page itself: Swagger UI's files need not have one.
    private static let icon =
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
        + "<rect width='16' height='16' rx='4' fill='%230b6e5f'/>"
        + "<path d='M4 11c0-5 8-1 8-6' stroke='white' stroke-width='1.6' fill='none' stroke-linecap='round'/></svg>"

    private static func page(assets: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>tripstore API</title>
        <link rel="icon" href="\(icon)">
        <link rel="stylesheet" href="\(assets)/swagger-ui.css">
        </head>
        <body>
        <div id="swagger-ui"></div>
        <noscript>The interactive documentation needs JavaScript; <a href="/openapi.json">openapi.json</a> does not.</noscript>
        <script src="\(assets)/swagger-ui-bundle.js"></script>
        <script>
        SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true});
        </script>
        </body>
        </html>

        """
    }
}
