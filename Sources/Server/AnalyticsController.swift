import HTTPTypes
import HummingbirdCore
import Ingestion
import TripModel
import TripstoreAPI

/// Answers queries about trips: passes the parameters to the store and its JSON back, both unchanged.
struct AnalyticsController: Sendable {
    let store: TripStore
    let budget: AnswerBudget
    let connections: ConnectionTable
    let options: ServerOptions

    func addRoutes(to router: inout Router) {
        router.resource("/analytics/weekly-average", [.get: weeklyAverage])
        router.resource("/trip-groups", [.get: tripGroups])
        router.resource("/regions", [.get: regions])
    }

    @Sendable private func weeklyAverage(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let query = try WeeklyAverageQuery(parameters: RequestParameters(request).pairs)
        return try await answer { engine, cancellation throws(TripstoreError) in
            try engine.weeklyAverage(query, cancellation).json
        }
    }

    @Sendable private func tripGroups(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let query = try TripGroupsQuery(parameters: RequestParameters(request).pairs, defaults: options.defaults)
        return try await answer(mayScan: true) { engine, cancellation throws(TripstoreError) in
            try engine.tripGroups(query, cancellation).json
        }
    }

    @Sendable private func regions(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let query = try RegionsQuery(parameters: RequestParameters(request).pairs)
        return try await answer { engine, cancellation throws(TripstoreError) in try engine.regions(query, cancellation).json
        }
    }

    /// Runs a query until it is answered, its client disconnects or its timeout passes.
    private func answer(
        mayScan: Bool = false,
        _ query: @escaping @Sendable (any TripEngine, QueryCancellation) throws(TripstoreError) -> String
    ) async throws -> Response {
        let (engine, budget) = (store.engine, budget)
        let cancellation = QueryCancellation(timeout: options.queryTimeout)
        let run = { () async throws(TripstoreError) -> AdmittedAnswer in
            try await engine.threads.answer(
                mayScan: mayScan, cancellation,
                waitingMax: min(options.waitingQueryCountMax, connections.capacity / ServerLimits.waitingQueryPart)
            ) {
                () throws(TripstoreError) in try budget.admit(query(engine, cancellation))
            }
        }
        guard let client = ClientPresence.current else { return .json(try await run()) }
        return .json(try await client.watch(cancellation, run))
    }
}
