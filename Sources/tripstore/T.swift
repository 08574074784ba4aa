import ArgumentParser
import ColumnStore
import Server
@main struct T: ParsableCommand { func run() { print(probe()) } }
