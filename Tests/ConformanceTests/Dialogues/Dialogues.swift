/// What real clients send, request by request: their headers, their order, and what they take for success.
///
/// A dialogue is a row; its answers are no more exact than the client is, so that what fails here fails there.
enum Dialogues {
    static let rows: [Row] = [
        DockerDialogues.all, ContainerdDialogues.all, LibraryDialogues.all, OrasDialogues.all,
    ].flatMap { $0 }

    /// An image in Docker's own format, and one in OCI's, with what is in them.
    static let docker = Content.docker("dialogue")
    static let image = Content.image("dialogue")

    /// `digest` as Go's URL encoder writes it.
    static func escaped(_ digest: String) -> String { digest.replacing(":", with: "%3A") }
}
