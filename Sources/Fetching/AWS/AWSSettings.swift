import Foundation
package import TripModel

/// AWS settings of environment and files, as AWS's own tools read them.
///
/// Files are read each time, so that renewed contents count at once.
package struct AWSSettings: Sendable {
    private let environment: [String: String]

    package init(environment: [String: String]) { self.environment = environment }

    /// A variable that is set and not empty.
    func variable(_ name: String) -> String? {
        let value = environment[name]
        return value?.isEmpty == false ? value : nil
    }

    /// The profile's name.
    private var profile: String { variable("AWS_PROFILE") ?? "default" }

    private func file(_ kind: AWSProfileFile.Kind) -> AWSProfileFile? {
        let (name, last) = kind == .config ? ("AWS_CONFIG_FILE", "config") : ("AWS_SHARED_CREDENTIALS_FILE", "credentials")
        guard let path = variable(name) ?? variable("HOME").map({ "\($0)/.aws/\(last)" }),
            let text = try? String(contentsOfFile: path, encoding: .utf8)
        else { return nil }
        return AWSProfileFile(text, kind: kind)
    }

    /// The region of buckets.
    package var region: String {
        variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION") ?? file(.config)?[profile]?["region"]
            ?? file(.credentials)?[profile]?["region"] ?? "us-east-1"
    }

    /// Returns the server that replaces AWS's own, given the service's name in the variable, such as `S3`.
    package func endpoint(_ service: String) throws(TripstoreError) -> WebAddress? {
        for name in ["AWS_ENDPOINT_URL_\(service)", "AWS_ENDPOINT_URL"] {
            guard let text = variable(name) else { continue }
            do {
                return try WebAddress(text)
            } catch {
                throw TripstoreError(.io, "\(name) is not the URL of a server; set it to one such as http://127.0.0.1:9000.")
            }
        }
        return nil
    }

    /// Returns credentials of the environment, else of the files; nil if neither has any.
    package func credentials() throws(TripstoreError) -> AWSCredentials? {
        if let id = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") {
            return AWSCredentials(
                accessKeyID: id, secretAccessKey: secret, sessionToken: variable("AWS_SESSION_TOKEN"))
        }
        let sections = [file(.credentials)?[profile], file(.config)?[profile]].compactMap(\.self)
        if sections.isEmpty, let name = variable("AWS_PROFILE") {
            throw TripstoreError(
                .io, "AWS_PROFILE names the profile '\(name)', which is in no AWS configuration file; check its name.")
        }
        for section in sections {
            if let id = section["aws_access_key_id"], let secret = section["aws_secret_access_key"] {
                return AWSCredentials(
                    accessKeyID: id, secretAccessKey: secret, sessionToken: section["aws_session_token"])
            }
        }
        return nil
    }

    /// Returns where to request a container's credentials, and the authorization for that.
    package func containerCredentials() throws(TripstoreError) -> (address: WebAddress, token: String?)? {
        let address: WebAddress
        if let path = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            address = WebAddress(isSecure: false, host: "169.254.170.2", target: path)
        } else if let url = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            address = try WebAddress(url)
            // A person who can set a variable must not receive what only hosts of this machine may see.
            let own = ["127.0.0.1", "localhost", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"]
            guard address.isSecure || own.contains(address.host) else {
                throw TripstoreError(
                    .io, "AWS_CONTAINER_CREDENTIALS_FULL_URI names \(address.host) over http; use https, or a loopback address."
                )
            }
        } else {
            return nil
        }
        var token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        if let path = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw TripstoreError(
                    .io, "The file \(path), which AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names, cannot be read; check the path."
                )
            }
            token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return (address, token)
    }
}
