public import TripModel

extension ReadingProfile {
    /// The JSON body of a profile: `{"name", "options", "updated_at"}`.
    public var json: String {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.text
    }

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.member("name", name)
            $0.key("options")
            options.write(to: &$0)
            $0.member("updated_at", updatedAt)
        }
    }
}

extension [ReadingProfile] {
    /// The JSON body of a list of profiles: `{"profiles": [...]}`.
    public var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.key("profiles")
            $0.array(self) { $1.write(to: &$0) }
        }
        return writer.text
    }
}
