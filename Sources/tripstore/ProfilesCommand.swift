import ArgumentParser
import Ingestion
import TripModel
import TripstoreAPI

/// `tripstore profiles`: lists, shows, saves and deletes reading options under names.
struct ProfilesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profiles",
        abstract: "Lists, shows, saves or deletes reading options under a name.",
        discussion: """
            Options that say how the files of a publisher are read are saved once, and `tripstore ingest --profile NAME` uses them; flags of \
            that command win. `set` replaces the options that had the name. While a server uses the store, ask the server: \
            PUT /profiles/NAME.

            Examples:
              tripstore profiles set oslo --time-zone Europe/Oslo --map 'time=Started at'
              tripstore ingest 2019-05.csv --profile oslo
              tripstore profiles
              tripstore profiles delete oslo
            """)

    /// What is done with profiles.
    enum Action: String, ExpressibleByArgument, CaseIterable {
        case list, show, set, delete
    }

    @Argument(help: "list, show, set or delete.")
    var action = Action.list

    @Argument(help: "Name of a profile: letters, digits, _, . and -.")
    var name: String?

    @OptionGroup(title: "Options of set") var reading: ReadingFlags

    @Option(help: "table, json or csv.")
    var format = OutputFormat.table

    @OptionGroup var table: TableOptions

    @OptionGroup var store: StoreOptions

    func validate() throws {
        if action == .list, name != nil {
            throw ValidationError("`profiles list` takes no name; show one profile with: tripstore profiles show NAME")
        }
        if action != .list, name == nil {
            throw ValidationError(
                "Name the profile: tripstore profiles \(action.rawValue) NAME; `tripstore profiles` lists them.")
        }
        if action != .set, !reading.isEmpty {
            throw ValidationError("Reading options only apply to `profiles set`; leave them out.")
        }
    }

    func run() throws {
        let name = name ?? ""
        switch action {
        case .list: try show(store.reading { try $0.jobs.profiles() })
        case .show: try show(store.reading { try $0.jobs.profile(name) })
        case .set:
            _ = try ReadingParameters(reading.parameters, spelling: .flags)
            let profile = try writing { try $0.saveProfile(name, reading.options($0)) }
            if format == .json { try Output.result(profile.json + "\n") }
            Output.note("Saved profile \(name): \(profile.options.flags)")
        case .delete:
            try writing { try $0.deleteProfile(name) }
            Output.note("Deleted profile \(name).")
        }
    }

    private func writing<Value>(_ body: (JobService) throws -> Value) throws -> Value {
        let engine = try store.openEngine(.readWrite)
        defer { engine.close() }
        return try body(engine.jobs)
    }

    private func show(_ profile: ReadingProfile) throws {
        if format == .json { return try Output.result(profile.json + "\n") }
        let values = profile.options.values.map { [$0.option.rawValue, $0.text] }
        try show(["option", "value"], values)
    }

    private func show(_ profiles: [ReadingProfile]) throws {
        if format == .json { return try Output.result(profiles.json + "\n") }
        try show(["profile", "options", "updated"], profiles.map { [$0.name, $0.options.flags, $0.updatedAt] })
    }

    private func show(_ head: [String], _ rows: [[String]]) throws {
        if format == .csv { return try Output.result(([head] + rows).map { Output.csvLine($0) }.joined()) }
        var table = TextTable(head.map { ($0, $0 == "updated" ? .fixed : .left) })
        for row in rows { table.add(row) }
        try Output.result(table.text(width: self.table.width))
    }
}
