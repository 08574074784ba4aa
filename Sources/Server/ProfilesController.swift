import HTTPTypes
import HummingbirdCore
import Ingestion
import TripModel
import TripstoreAPI

/// Lists, shows, saves and deletes reading options under names.
struct ProfilesController: Sendable {
    let store: TripStore

    private static let example = #"send the options, such as {"time_zone": "Europe/Oslo"}"#

    func addRoutes(to router: inout Router) {
        router.resource("/profiles", [.get: list])
        router.resource("/profiles/{name}", [.get: show, .put: save, .delete: remove])
    }

    @Sendable private func list(_ request: Request, context: ServerRequestContext) async throws -> Response {
        _ = try RequestParameters(request).values(known: [])
        let store = store
        return .json(try await store.lookUp { () throws(TripstoreError) in try store.jobs.profiles() }.json)
    }

    @Sendable private func show(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let name = try Self.name(request, context)
        let store = store
        return .json(try await store.lookUp { () throws(TripstoreError) in try store.jobs.profile(name) }.json)
    }

    @Sendable private func save(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let name = try Self.name(request, context)
        let type = HeaderValue(request.headers[.contentType] ?? "").first
        guard type == "application/json" || type.isEmpty else {
            throw HTTPError(
                .unsupportedMediaType, message: "Send the options as a JSON object of type application/json, not \(type).")
        }
        let members = try JSONMembers(try await request.smallBody(Self.example), example: Self.example)
        let names = ReadingOptions.Option.allCases.map(\.rawValue)
        try members.require(known: names)
        let reading = try ReadingParameters(members.pairs(names))
        let store = store
        let options = try await reading.given(store.jobs)
        let profile = try await store.engine.threads.answer { () throws(TripstoreError) in
            try store.jobs.saveProfile(name, options)
        }
        return .json(profile.json)
    }

    @Sendable private func remove(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let name = try Self.name(request, context)
        let store = store
        try await store.engine.threads.answer { () throws(TripstoreError) in try store.jobs.deleteProfile(name) }
        return Response(status: .noContent)
    }

    private static func name(_ request: Request, _ context: ServerRequestContext) throws -> String {
        _ = try RequestParameters(request).values(known: [])
        let component = context.parameters["name"] ?? ""
        guard let name = RequestParameters.decode(component.utf8, plusIsBlank: false) else {
            throw HTTPError(
                .badRequest, message: "The name '\(component)' in the path is not valid percent-encoding; encode it as UTF-8.")
        }
        return name
    }
}
