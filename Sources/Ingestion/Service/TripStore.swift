package import TripModel

/// An open store: the engine that stores trips and answers queries, and the service of the jobs that fill it.
package struct TripStore: Sendable {
    package let engine: any TripEngine
    package let jobs: JobService

    /// Opens the jobs of an engine; if that fails, closes the engine.
    package init(_ engine: any TripEngine, _ settings: JobSettings) throws(TripstoreError) {
        self.engine = engine
        do throws(TripstoreError) {
            jobs = try JobService(engine, settings)
        } catch {
            engine.close()
            throw error
        }
    }

    /// What it needs for queries and jobs, each to be checked by itself; returns at once.
    package var parts: [NeededPart] { jobs.parts + engine.parts }

    /// Stops the running job at a checkpoint, from which the next start resumes, and closes the engine.
    package func close() {
        jobs.stop()
        engine.close()
    }
}
