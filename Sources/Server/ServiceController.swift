import HTTPTypes
import HummingbirdCore
import Ingestion
import NIOCore
import TripModel

/// Reports the server's state to its operators: alive, ready, and metrics.
struct ServiceController: Sendable {
    let store: TripStore
    let hub: ProgressHub
    let metrics: ServerMetrics
    let connections: ConnectionTable
    private let readiness: Readiness
    /// The state of the disk and the segments, without requests to other servers.
    private let ownState: SharedLook<OwnState>
    private let stored: SharedLook<EngineStatistics>
    private let jobs: SharedLook<JobStatistics>

    private struct OwnState: Sendable {
        var damage: TripstoreError?
        var readOnlyReason: String?
    }

    init(store: TripStore, hub: ProgressHub, metrics: ServerMetrics, connections: ConnectionTable) {
        self.store = store
        self.hub = hub
        self.metrics = metrics
        self.connections = connections
        readiness = Readiness(store)
        ownState = SharedLook { OwnState(damage: store.engine.damage, readOnlyReason: store.jobs.readOnlyReason) }
        stored = SharedLook { () throws(TripstoreError) in try store.engine.statistics() }
        jobs = SharedLook { () throws(TripstoreError) in try store.jobs.statistics() }
    }

    func addRoutes(to router: inout Router) {
        router.resource("/health", [.get: { _, _ in .json(#"{"status": "ok"}"#) }])
        router.resource("/ready", [.get: ready])
        router.resource("/metrics", [.get: numbers])
    }

    @Sendable private func ready(_ request: Request, context: ServerRequestContext) async throws -> Response {
        async let looked = ownState.outcome(within: ServerLimits.partTimeout)
        let faults = await readiness.findings().compactMap(\.fault)
        guard let own = try await looked?.get() else {
            throw HTTPError(
                .serviceUnavailable, headers: [.retryAfter: "1"],
                message: "The disk of the data directory has not answered for a second; check it.")
        }
        if let damage = own.damage {
            throw HTTPError(
                .serviceUnavailable, headers: [.retryAfter: "60"], message: store.jobs.paths.removed(from: damage.message))
        }
        guard faults.isEmpty else {
            throw HTTPError(
                .serviceUnavailable, headers: [.retryAfter: "1"],
                message: faults.map(store.jobs.paths.removed).joined(separator: " "))
        }
        guard let readOnlyReason = own.readOnlyReason else { return .json(#"{"status": "ready"}"#) }
        // A load balancer that uses this must send queries here all the same.
        var body = JSONWriter()
        body.object {
            $0.key("status")
            $0.value("read-only")
            $0.key("detail")
            $0.value(readOnlyReason)
        }
        return .json(body.text)
    }

    @Sendable private func numbers(_ request: Request, context: ServerRequestContext) async throws -> Response {
        // Each separately, so that an unavailable or frozen component only loses its own metrics.
        async let ownState = ownState.outcome(within: ServerLimits.numbersTimeout)
        async let stored = stored.outcome(within: ServerLimits.numbersTimeout)
        async let jobs = jobs.outcome(within: ServerLimits.numbersTimeout)
        let findings = await readiness.findings()
        let isReadOnly = try? await ownState?.get().readOnlyReason != nil
        var text = PrometheusText()
        metrics.write(to: &text)
        connections.write(to: &text)
        text.metric("tripstore_progress_subscribers", .gauge, "Clients that are following a job's progress.") { text in
            for transport in ProgressHub.Transport.allCases {
                text.sample([("transport", transport.rawValue)], hub.subscriberCount(by: transport))
            }
        }
        text.metric(
            "tripstore_progress_encodings_total", .counter, "Progress messages encoded, each once for all subscribers.",
            value: hub.encodingCount)
        text.metric(
            "tripstore_progress_deliveries_total", .counter, "Progress messages handed to subscribers.",
            value: hub.deliveryCount)
        text.metric("tripstore_part_up", .gauge, "1 if a part that the process needs is working, else 0.") { text in
            for finding in findings { text.sample([("part", finding.part)], finding.fault == nil ? 1 : 0) }
        }
        try? await stored?.get().write(to: &text)
        text.metric(
            "tripstore_read_only", .gauge, "1 while the disk takes no files, so that changes are refused.",
            value: isReadOnly ?? true ? 1 : 0)
        text.metric(
            "tripstore_queries_waiting", .gauge, "Queries that wait for a thread.", value: store.engine.threads.waitingCount)
        try? await jobs?.get().write(to: &text)
        return .content(ByteBuffer(string: text.text), type: PrometheusText.contentType)
    }
}

extension EngineStatistics {
    fileprivate func write(to text: inout PrometheusText) {
        if let segments { text.metric("tripstore_segments", .gauge, "Live segments.", value: segments) }
        text.metric("tripstore_trips", .gauge, "Trips that queries see.", value: trips)
        if let bytesOnDisk {
            text.metric("tripstore_segment_bytes", .gauge, "Bytes of these trips on disk.", value: bytesOnDisk)
        }
        if let snapshotProblems {
            text.metric(
                "tripstore_snapshot_problems", .gauge,
                "Differences between answers and the catalog; 0 unless there is a fault.",
                value: snapshotProblems)
        }
        text.metric("tripstore_queries_total", .counter, "Queries answered since the start.", value: queries)
        guard let difference else { return }
        text.metric(
            "tripstore_trips_missing", .gauge, "Trips of completed jobs that are not stored.", value: difference.missing)
        text.metric(
            "tripstore_trips_extra", .gauge, "Trips that answers count and no completed job stored.", value: difference.extra)
        text.metric("tripstore_rows_uncounted", .gauge, "Stored rows that do not count.", value: difference.uncounted)
        if let time = difference.purgedAt {
            text.metric(
                "tripstore_last_purge_timestamp_seconds", .gauge, "When this process last removed rows that do not count.",
                value: time)
        }
    }
}

extension JobStatistics {
    fileprivate func write(to text: inout PrometheusText) {
        text.metric("tripstore_jobs", .gauge, "Jobs that are not finished.") {
            $0.sample([("status", Job.Status.pending.rawValue)], pendingJobs)
            $0.sample([("status", Job.Status.running.rawValue)], runningJobs)
        }
        text.metric("tripstore_rows_ingested_total", .counter, "Rows ingested since the start.", value: rowsIngested)
        text.metric("tripstore_rows_rejected_total", .counter, "Rows rejected since the start.", value: rowsRejected)
        text.metric(
            "tripstore_oldest_pending_job_age_seconds", .gauge, "Time since the oldest waiting job was submitted.",
            value: oldestPendingSeconds ?? 0)
        if let workers {
            text.metric(
                "tripstore_workers", .gauge, "Processes that run jobs and were heard from within a lease.", value: workers)
        }
        if let lostLeases {
            text.metric(
                "tripstore_lease_losses_total", .counter, "Jobs that other processes claimed because this one was silent.",
                value: lostLeases
            )
        }
    }
}
