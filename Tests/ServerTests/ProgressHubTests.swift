import Foundation
import Ingestion
import LocalStore
import Logging
import NIOCore
import Server
import Testing
import TripModel
import TripstoreAPI

@Suite(.timeLimit(.minutes(10)))
struct ProgressHubTests {
    /// What one subscriber has got.
    private final class Inbox: Sendable {
        private let messages = Lock<[ProgressMessage]>([])
        func take(_ message: ProgressMessage) { messages.withLock { $0.append(message) } }
        var texts: [String] { messages.withLock { $0.map { String(buffer: $0.json) } } }
        var isOver: Bool { messages.withLock { $0.last?.isTerminal ?? false } }
    }

    /// Runs a test with a hub over a store that has one pending job and does not ingest.
    private static func run(_ test: (ProgressHub, ProgressBoard, JobProgress) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("tripstore-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try LocalStore(LocalStore.Options(dataDirectory: directory, logger: logger))
        defer { store.close() }
        let path = store.jobs.uploadsDirectory + "/one"
        try Data("region".utf8).write(to: URL(fileURLWithPath: path))
        let job = try store.jobs.submitUpload(path: path, filename: "one.csv", allowsDuplicate: true)
        try await test(ProgressHub(store: store.store), store.jobs.board, try store.jobs.progress(job.id))
    }

    @Test func deliversTheStateThenChangesThenTheEnd() async throws {
        try await Self.run { hub, board, pending in
            let inbox = Inbox()
            _ = try await hub.subscribe(to: pending.jobID, by: .webSocket) { inbox.take($0) }
            #expect(inbox.texts == [pending.json])
            var running = pending
            running.status = .running
            board.publish(running)
            running.processedRows = 10
            board.publish(running)
            #expect(!inbox.isOver)
            var completed = running
            completed.status = .completed
            board.publish(completed)
            #expect(inbox.texts.count == 4)
            #expect(inbox.texts.last == completed.json)
            #expect(inbox.isOver)
            #expect(hub.subscriberCount(by: .webSocket) == 0)
        }
    }

    @Test func encodesEachChangeOnceForAllSubscribers() async throws {
        try await Self.run { hub, board, pending in
            let inboxes = (0..<10).map { _ in Inbox() }
            for inbox in inboxes.prefix(5) { _ = try await hub.subscribe(to: pending.jobID, by: .webSocket) { inbox.take($0) } }
            #expect(hub.encodingCount == 1)
            var running = pending
            running.status = .running
            board.publish(running)
            // Those who come later get the last change, encoded already.
            for inbox in inboxes.suffix(5) {
                _ = try await hub.subscribe(to: pending.jobID, by: .serverSentEvents) { inbox.take($0) }
            }
            #expect(hub.encodingCount == 2)
            #expect(hub.subscriberCount(by: .webSocket) == 5)
            #expect(hub.subscriberCount(by: .serverSentEvents) == 5)
            running.status = .failed
            running.message = "No."
            board.publish(running)
            #expect(hub.encodingCount == 3)
            #expect(hub.deliveryCount == 5 + 5 + 5 + 10)
            for inbox in inboxes { #expect(inbox.isOver && inbox.texts.last == running.json) }
        }
    }

    @Test func encodesNothingForNobody() async throws {
        try await Self.run { hub, board, pending in
            var progress = pending
            progress.status = .running
            for rows in 1...100 {
                progress.processedRows = rows
                board.publish(progress)
            }
            #expect(hub.encodingCount == 0)
            let inbox = Inbox()
            _ = try await hub.subscribe(to: pending.jobID, by: .webSocket) { inbox.take($0) }
            #expect(inbox.texts == [progress.json])
            #expect(hub.encodingCount == 1)
        }
    }

    @Test func tellsNoMoreToThoseWhoCancel() async throws {
        try await Self.run { hub, board, pending in
            let inbox = Inbox()
            let subscription = try await hub.subscribe(to: pending.jobID, by: .webSocket) { inbox.take($0) }
            hub.cancel(subscription)
            hub.cancel(subscription)
            var running = pending
            running.status = .running
            board.publish(running)
            #expect(inbox.texts == [pending.json])
            #expect(hub.subscriberCount(by: .webSocket) == 0)
        }
    }

    @Test func ignoresRepetitionsAndWhatComesAfterTheEnd() async throws {
        try await Self.run { hub, board, pending in
            let inbox = Inbox()
            _ = try await hub.subscribe(to: pending.jobID, by: .webSocket) { inbox.take($0) }
            board.publish(pending)
            #expect(inbox.texts.count == 1)
            var cancelled = pending
            cancelled.status = .cancelled
            board.publish(cancelled)
            board.publish(pending)
            #expect(inbox.texts == [pending.json, cancelled.json])
        }
    }

    @Test func tellsLateSubscribersOfAStateThatCameAfterTheEnd() async throws {
        try await Self.run { hub, board, pending in
            board.publish(pending.with(.completed))
            let inbox = Inbox()
            // The store says otherwise now: it is right.
            _ = try await hub.subscribe(to: pending.jobID, by: .webSocket) { inbox.take($0) }
            #expect(inbox.texts == [pending.json])
        }
    }

    @Test func doesNotKnowOtherJobs() async throws {
        try await Self.run { hub, _, pending in
            let error = await #expect(throws: TripstoreError.self) {
                _ = try await hub.subscribe(to: pending.jobID + 1, by: .webSocket) { _ in }
            }
            #expect(error?.code == .notFound)
            #expect(error?.message == "Job not found")
            #expect(hub.subscriberCount(by: .webSocket) == 0)
        }
    }

    @Test func noSubscriberMissesTheEndHoweverItRaces() async throws {
        try await Self.run { hub, board, pending in
            let completed = pending.with(.completed)
            let inboxes = (0..<200).map { _ in Inbox() }
            await withTaskGroup(of: Void.self) { group in
                for (index, inbox) in inboxes.enumerated() {
                    group.addTask {
                        if index == 100 { board.publish(completed) }
                        _ = try? await hub.subscribe(to: pending.jobID, by: .webSocket) { inbox.take($0) }
                    }
                }
            }
            // The store itself still says pending, so those who came after the end of this hub's job wait for the next change.
            board.publish(completed)
            for inbox in inboxes {
                #expect(inbox.isOver)
                #expect(inbox.texts == [completed.json] || inbox.texts == [pending.json, completed.json])
            }
        }
    }
}

extension JobProgress {
    fileprivate func with(_ status: Job.Status) -> JobProgress {
        var progress = self
        progress.status = status
        return progress
    }
}
