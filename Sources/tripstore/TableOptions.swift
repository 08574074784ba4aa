import ArgumentParser

/// The width of tables: a flag of every command that prints one.
struct TableOptions: ParsableArguments {
    @Flag(help: "Show all of every table cell; without it, tables are cut to fit the terminal.")
    var wide = false

    /// Maximum columns of a table; nil: as many as it needs, as in a pipe or a file.
    var width: Int? { wide || !Terminal.isThere(.output) ? nil : Terminal.columns(.output) }
}
