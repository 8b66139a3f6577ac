/// Something that the registry must do, in the project's own words.
struct Requirement: Sendable {
    enum Level: String, Sendable {
        case must = "MUST"
        case should = "SHOULD"
        case may = "MAY"
        /// Distribution's behaviour, which is no specification.
        case kept = "kept"
        /// Where this registry does better than Distribution, on purpose.
        case ours = "ours"
    }

    /// The key by which rows name it.
    let key: String
    /// The section of the specification, or the part of Distribution's API.
    let place: String
    let level: Level
    let says: String
    /// Why no row shows it; nil where one must.
    let without: String?

    init(_ key: String, _ place: String, _ level: Level, _ says: String, without: String? = nil) {
        (self.key, self.place, self.level, self.says, self.without) = (key, place, level, says, without)
    }
}

enum Requirements {
    static let specification =
        SpecificationRequirements.general + SpecificationRequirements.pull + SpecificationRequirements.pushBlobs
        + SpecificationRequirements.pushManifests + SpecificationRequirements.discovery
        + SpecificationRequirements.management + SpecificationRequirements.rest
    static let all = specification + DistributionRequirements.all + TrapRequirements.all + DialogueRequirements.all
}
