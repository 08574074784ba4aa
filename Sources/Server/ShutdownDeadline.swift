import Foundation
import Logging
import ServiceLifecycle

/// Ends the process some time after it was told to stop, whatever it still waits for.
///
/// Otherwise its supervisor kills it soon after (`docker stop`, Kubernetes, systemd), without a log line. It is as harmless:
/// what was acknowledged is on disk, and a job resumes after its last commit.
package struct ShutdownDeadline: Service {
    private let options: ServerOptions

    /// Makes the deadline of `shutdownTimeout`.
    package init(options: ServerOptions) { self.options = options }

    /// Waits for the shutdown, and starts the clock.
    package func run() async throws {
        let stops = AsyncStream.makeStream(of: Void.self)
        await withGracefulShutdownHandler {
            for await _ in stops.stream {}
        } onGracefulShutdown: {
            let (seconds, logger) = (options.shutdownTimeout.seconds, options.logger)
            // A thread of its own: those of the others may be what is stuck.
            Thread.detachNewThread {
                Thread.sleep(forTimeInterval: seconds)
                logger.error("Shutdown took too long and is cut short; jobs resume from their last commit at the next start")
                _exit(1)
            }
            stops.continuation.finish()
        }
    }
}
