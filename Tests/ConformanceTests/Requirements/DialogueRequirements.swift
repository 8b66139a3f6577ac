/// The clients whose dialogues are replayed.
enum DialogueRequirements {
    static let all: [Requirement] = [
        .init("dialogue-dockerd", "Dialogues", .must, "dockerd with its classic store (Distribution's client)"),
        .init("dialogue-containerd", "Dialogues", .must, "containerd, BuildKit, nerdctl"),
        .init("dialogue-crane", "Dialogues", .must, "crane, ko, kaniko (go-containerregistry)"),
        .init("dialogue-oras", "Dialogues", .must, "oras, Helm, notation (oras-go)"),
        .init("dialogue-podman", "Dialogues", .must, "podman, skopeo, buildah (containers/image)"),
        .init("dialogue-regctl", "Dialogues", .must, "regctl, regsync (regclient)"),
        .init("dialogue-cosign", "Dialogues", .must, "cosign"),
    ]
}
