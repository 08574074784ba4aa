import Foundation
import Testing

/// Every declaration in `Sources` is used there: code that only tests use is code of the tests.
@Suite(.timeLimit(.minutes(10)))
struct DeadDeclarationTests {
    /// What other modules call, by the protocol that says so.
    private static let requirements: [String: Set<String>] = [
        "AsyncParsableCommand": ["validate"],
        "ByteToMessageDecoder": ["InboundOut", "decodeLast", "decoderAdded", "decoderRemoved"],
        "ChannelDuplexHandler": inbound.union(["OutboundIn", "channelReadComplete", "channelWritabilityChanged"]),
        "ChannelInboundHandler": inbound,
        "ChannelOutboundHandler": ["OutboundIn", "OutboundOut"],
        "CustomStringConvertible": ["description"],
        "Decodable": ["CodingKeys"],
        "HTTPChannelHandler": ["responder", "setup"],
        "LogHandler": ["log", "logLevel", "metadataProvider"],
        "ParsableArguments": ["validate"],
        "ParsableCommand": ["validate"],
        "RandomAccessCollection": ["endIndex", "startIndex"],
        "TaskExecutor": ["enqueue"],
        "TransactionObserver": [
            "databaseDidChange", "databaseDidCommit", "databaseDidRollback", "databaseWillCommit", "observes",
        ],
    ]
    private static let inbound: Set<String> = [
        "InboundIn", "InboundOut", "OutboundOut", "channelInactive", "channelRead", "errorCaught", "handlerAdded",
        "handlerRemoved", "userInboundEventTriggered",
    ]

    /// Used without being named, or by programs of others.
    private static let exceptions: [String: String] = [
        "Entry.padding": "makes the size of an entry",
        "FileState.device": "compared by ==",
        "FileState.nanoseconds": "compared by ==",
        "FileState.node": "compared by ==",
        "FileState.seconds": "compared by ==",
        "JobService.submitFile": "for programs that embed a store",
        "Style.callAsFunction": "called as a function",
    ]

    @Test("Every declaration of the sources is used by the sources, and every exception is one")
    func used() {
        let files = ["Sources", "Tests", "Benchmarks"].flatMap { SourceTree.files(under: $0) }.map { file in
            (path: file.path, text: file.lines.joined(separator: "\n"))
        }
        #expect(files.count > 500)
        var unneeded = Set(Self.exceptions.keys)
        var required: Set<String> = []
        for dead in DeadDeclarations(files).dead {
            let protocols = dead.conformances.filter { Self.requirements[$0]?.contains(dead.simpleName) == true }
            if !protocols.isEmpty {
                required.formUnion(protocols.map { "\($0).\(dead.simpleName)" })
            } else if Self.exceptions[dead.name] != nil {
                unneeded.remove(dead.name)
            } else {
                let users = dead.isUsedByTests ? "tests only" : "nothing"
                Issue.record("\(dead) is used by \(users); delete it, or move it to the tests")
            }
        }
        #expect(unneeded == [], "exceptions that are none")
        for (name, members) in Self.requirements {
            let unseen = members.filter { !required.contains("\(name).\($0)") }
            #expect(unseen == [], "requirements of \(name) that no type of ours has, or that something uses")
        }
    }

    private static let values = #"""
        /// Not a use: deadMember, DeadType.
        package struct Values: Equatable {
            package var stored = "deadMember \(interpolated)"
            var interpolated: Int { 1.5 > 1 ? 2 : 3 }
            private(set) var onlyWritten = 0
            private var deadMember: Int { deadMember }
            package func onlyTested() {}
            package func usedAbove() { onlyWritten = 1; onlyWritten += 1 }
            func recursive() { recursive() }
            func shadowed() {}
            @inlinable static func deadFunction<Value>(_ value: Value) -> Value { value }
        }
        private struct DeadType {}
        extension DeadType { static let lines = """
            DeadType "quoted" // \("a") }
            """ }
        enum Kind { case dead, used(Int), alsoUsed }
        enum Listed: String { case one, two = "2" }
        protocol Source { func next() -> Int; func deadRequirement() }
        private struct Numbers: Source { func next() -> Int { 1 }; func deadRequirement() {} }
        """#
    private static let uses = """
        func main(_ source: any Source) {
            let shadowed = Listed(rawValue: ""), dead = Numbers()
            switch Kind.used(source.next()) { case .used: print(shadowed, dead); case .alsoUsed: break }
            main(Look())
        }
        struct Look: Source { func next() -> Int { 2 }; func deadRequirement() {} }
        """

    @Test("A dead declaration is found, and one that is used in any way is not")
    func planted() {
        let dead = DeadDeclarations([
            (path: "Sources/Low/Values.swift", text: Self.values),
            (path: "Sources/Low/Uses.swift", text: Self.uses),
            (path: "Sources/High/Top.swift", text: "func top() { Values(onlyWritten: 1).usedAbove(); Values().stored }"),
            (path: "Sources/High/Main.swift", text: "@main struct Program { static func run() { top(); recursive() } }"),
            (path: "Tests/LowTests/Tests.swift", text: "func test() { Values().onlyTested(); deadFunction(1); main(1) }"),
        ]).dead
        #expect(
            dead.filter { !$0.isUsedByTests }.map(\.name) == [
                "Values.onlyWritten", "Values.deadMember", "Values.recursive", "Values.shadowed", "Values.deadFunction",
                "DeadType", "DeadType.lines", "Kind.dead", "Source.deadRequirement", "Numbers", "Numbers.deadRequirement",
                "main", "Look.deadRequirement", "Program.run",
            ])
        #expect(dead.filter(\.isUsedByTests).map(\.description) == ["Sources/Low/Values.swift:7: Values.onlyTested"])
        #expect(dead.first?.description == "Sources/Low/Values.swift:5: Values.onlyWritten")
    }
}
