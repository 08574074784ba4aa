/// Who may read the data directory: only its owner, as trips reveal where people were.
extension StoreLayout {
    /// Removes the permissions of others on the store's files, which earlier versions granted.
    ///
    /// A file that does not have one of our names is foreign and left alone, and so is a data directory with such a file in it.
    package func makePrivate() {
        let parts: [(folder: String, files: () throws(TripstoreError) -> FolderContents)] = [
            (segments, segmentFiles), (rollups, rollupFiles), (rejects, rejectsFiles), (quarantine, quarantineFiles),
            (uploads, uploadFiles),
        ]
        for part in parts where FileSystem.isDirectory(part.folder) {
            FileSystem.makePrivate(part.folder)
            for name in (try? part.files().own) ?? [] { FileSystem.makePrivate("\(part.folder)/\(name)") }
        }
        var ours = Set(parts.map { String($0.folder.dropFirst(root.count + 1)) })
        let names = (try? FileSystem.names(in: root)) ?? []
        for name in names
        where name == "lock" || name == "ballast" || name == "source.key" || name.hasPrefix("catalog.sqlite")
            || name.hasPrefix("catalog-old-") && name.contains(".sqlite")
        {
            FileSystem.makePrivate("\(root)/\(name)")
            ours.insert(name)
        }
        if !names.isEmpty, ours.isSuperset(of: names) { FileSystem.makePrivate(root) }
    }
}
