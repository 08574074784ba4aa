import ColumnStore
import Hummingbird
import NIOCore

/// Tells those who run the server how it is: alive, ready, and its numbers.
struct ServiceController: Sendable {
    let store: any TripEngine
    let hub: ProgressHub
    let metrics: ServerMetrics
    let connections: ConnectionTable

    func addRoutes(to router: Router<ServerRequestContext>) {
        router.resource("/health", [.get: { _, _ in .json(#"{"status": "ok"}"#) }])
        router.resource("/ready", [.get: ready])
        router.resource("/metrics", [.get: numbers])
    }

    @Sendable private func ready(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let store = store
        // An engine in other processes is asked over the network.
        let (isReady, damage, readOnlyReason) = try await store.threads.answer { () throws(ColumnStoreError) in
            (store.isReady, store.damage, store.loads.readOnlyReason)
        }
        if let damage {
            throw HTTPError(
                .serviceUnavailable, headers: [.retryAfter: "60"], message: store.loads.paths.removed(from: damage.message))
        }
        guard isReady else {
            throw HTTPError(
                .serviceUnavailable, headers: [.retryAfter: "1"], message: "The store is not open yet; try again in a moment.")
        }
        guard let readOnlyReason else { return .json(#"{"status": "ready"}"#) }
        // Whoever divides requests by this is to send queries here all the same.
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
        let store = store
        let (stored, loads, isReadOnly) = try await store.threads.answer { () throws(ColumnStoreError) in
            (try store.numbers(), try store.loads.numbers(), store.loads.readOnlyReason != nil)
        }
        var text = PrometheusText()
        metrics.write(to: &text)
        connections.write(to: &text)
        text.metric("tripstore_progress_subscribers", .gauge, "Clients that follow a job's progress now.") { text in
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
        stored.write(to: &text)
        text.metric(
            "tripstore_read_only", .gauge, "1 while the disk takes no files, so that changes are refused.",
            value: isReadOnly ? 1 : 0)
        text.metric(
            "tripstore_queries_waiting", .gauge, "Queries that wait for a thread.", value: store.threads.waitingCount)
        loads.write(to: &text)
        return .content(ByteBuffer(string: text.text), type: PrometheusText.contentType)
    }
}

extension EngineNumbers {
    fileprivate func write(to text: inout PrometheusText) {
        if let segments { text.metric("tripstore_segments", .gauge, "Live segments.", value: segments) }
        text.metric("tripstore_trips", .gauge, "Trips that answers are about.", value: trips)
        if let bytesOnDisk {
            text.metric("tripstore_segment_bytes", .gauge, "Bytes of these trips on disk.", value: bytesOnDisk)
        }
        if let snapshotProblems {
            text.metric(
                "tripstore_snapshot_problems", .gauge, "Ways in which answers differ from the catalog; 0 but for a fault.",
                value: snapshotProblems)
        }
        text.metric("tripstore_queries_total", .counter, "Questions answered since the start.", value: queries)
        guard let difference else { return }
        text.metric(
            "tripstore_trips_missing", .gauge, "Trips of completed jobs that are not stored.", value: difference.missing)
        text.metric("tripstore_trips_extra", .gauge, "Trips that answers count and no job brought.", value: difference.extra)
        text.metric("tripstore_rows_uncounted", .gauge, "Stored rows that do not count.", value: difference.uncounted)
        if let time = difference.purgedAt {
            text.metric(
                "tripstore_last_purge_timestamp_seconds", .gauge, "When this process last removed rows that do not count.",
                value: time)
        }
    }
}

extension LoadNumbers {
    fileprivate func write(to text: inout PrometheusText) {
        text.metric("tripstore_jobs", .gauge, "Jobs that are not over.") {
            $0.sample([("status", Job.Status.pending.rawValue)], pendingJobs)
            $0.sample([("status", Job.Status.running.rawValue)], runningJobs)
        }
        text.metric("tripstore_rows_ingested_total", .counter, "Rows taken in since the start.", value: rowsIngested)
        text.metric("tripstore_rows_rejected_total", .counter, "Rows rejected since the start.", value: rowsRejected)
        text.metric(
            "tripstore_oldest_pending_job_age_seconds", .gauge, "Time since the oldest job was submitted that waits.",
            value: oldestPendingSeconds ?? 0)
        if let workers {
            text.metric("tripstore_workers", .gauge, "Processes that load, heard of within a lease.", value: workers)
        }
        if let lostLeases {
            text.metric(
                "tripstore_lease_losses_total", .counter, "Jobs that others took as this process was silent.", value: lostLeases
            )
        }
    }
}
