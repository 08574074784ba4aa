import ColumnStore
import Hummingbird

/// Answers questions about trips: the query's parameters go to the store as they are, its JSON comes back as it is.
struct AnalyticsController: Sendable {
    let store: any TripEngine
    let defaults: QueryDefaults

    func addRoutes(to router: Router<ServerRequestContext>) {
        router.resource("/analytics/weekly-average", [.get: weeklyAverage])
        router.resource("/trip-groups", [.get: tripGroups])
        router.resource("/regions", [.get: regions])
    }

    @Sendable private func weeklyAverage(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let query = try WeeklyAverageQuery(parameters: RequestParameters(request).pairs)
        let store = store
        return .json(try await store.threads.answer { () throws(ColumnStoreError) in try store.weeklyAverage(query).json })
    }

    @Sendable private func tripGroups(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let query = try TripGroupsQuery(parameters: RequestParameters(request).pairs, defaults: defaults)
        let store = store
        return .json(
            try await store.threads.answer(mayScan: true) { () throws(ColumnStoreError) in
                try store.tripGroups(query).json
            })
    }

    @Sendable private func regions(_ request: Request, context: ServerRequestContext) async throws -> Response {
        _ = try RequestParameters(request).values(known: [])
        let store = store
        return .json(try await store.threads.answer { () throws(ColumnStoreError) in try store.regions().json })
    }
}
