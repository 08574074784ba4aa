import ArgumentParser

/// How wide tables may be: a flag of every command that prints one.
struct TableOptions: ParsableArguments {
    @Flag(help: "Show all of every table cell; without it, tables are cut to fit the terminal.")
    var wide = false

    /// Columns that a table may take; nil: as many as it needs, as in a pipe or a file.
    var width: Int? { wide || !Terminal.isThere(.output) ? nil : Terminal.columns(.output) }
}
