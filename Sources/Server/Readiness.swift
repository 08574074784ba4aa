import Foundation
import Ingestion
import TripModel

/// Whether everything that the server needs works: all components are checked at once, within a second each.
final class Readiness: Sendable {
    /// The state of a component.
    struct Finding: Sendable {
        var part: String
        /// What is wrong with it; nil if nothing is.
        var fault: String?
    }

    private let store: TripStore
    /// By name: the set of components may change, for example once all servers have reported their shard.
    private let looks = Lock<[String: SharedLook<Void>]>([:])

    init(_ store: TripStore) { self.store = store }

    /// Checks all of them and returns their states in order.
    func findings() async -> [Finding] {
        let parts = store.parts
        let looks = parts.map(look)
        return await withTaskGroup(of: (Int, Finding).self) { group in
            for (index, part) in parts.enumerated() {
                let look = looks[index]
                group.addTask { (index, await Self.finding(part.name, look)) }
            }
            var found: [(Int, Finding)] = []
            for await each in group { found.append(each) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private static func finding(_ name: String, _ look: SharedLook<Void>) async -> Finding {
        switch await look.outcome(within: ServerLimits.partTimeout) {
        case .success: Finding(part: name)
        case .failure(let error): Finding(part: name, fault: error.message)
        case nil:
            Finding(
                part: name,
                fault:
                    "\(name) has not answered for \(Int(ServerLimits.partTimeout.seconds)) s; is it running, and not frozen or "
                    + "overloaded?")
        }
    }

    private func look(_ part: NeededPart) -> SharedLook<Void> {
        looks.withLock { looks in
            if let look = looks[part.name] { return look }
            let look = SharedLook(part.ask)
            looks[part.name] = look
            return look
        }
    }
}
