/// How log lines look: the values of `log.formatter`.
public enum LogFormat: String, Sendable, CaseIterable {
    /// `time="…" level=info msg="…" key=value`, as logrus writes it.
    case text
    /// One JSON object a line, with `time`, `level` and `msg`, as logrus writes it.
    case json
    /// One JSON object a line, with `@timestamp`, `@version`, `level` and `message`.
    case logstash

    /// The names that lines of this format use for themselves; a field of such a name gets the prefix `fields.`.
    var reservedKeys: [String] {
        switch self {
        case .text, .json: ["time", "level", "msg", "truncated"]
        case .logstash: ["@timestamp", "@version", "level", "message", "truncated"]
        }
    }
}
