extension ConfigurationKey {
    static let levels = ["error", "warn", "info", "debug"]

    /// Version, log, listings, validation and authentication.
    static let general: [ConfigurationKey] = [
        ConfigurationKey("version", .choice(["0.1"]), "Version of the file's format. Required."),

        ConfigurationKey("log", .section, "What the server writes about itself."),
        ConfigurationKey("log.level", .choice(levels), default: "info", "The least weighty messages to write."),
        ConfigurationKey(
            "log.formatter", .choice(["text", "json", "logstash"]), default: "text", "Form of a log line."),
        ConfigurationKey("log.fields", .map(of: .any), "Fields added to each log line."),
        ConfigurationKey("log.accesslog", .section, "The log of requests."),
        ConfigurationKey("log.accesslog.disabled", .boolean, default: "false", "Writes no line per request."),
        ConfigurationKey(
            "log.reportcaller", .boolean, default: "false", status: .later, "Adds the source line to each message."),
        ConfigurationKey("log.hooks[]", .section, status: .later, "Sends messages elsewhere as well."),
        ConfigurationKey("log.hooks[].type", .text, status: .later, "Kind of hook; `mail`."),
        ConfigurationKey("log.hooks[].disabled", .boolean, default: "false", status: .later, "Switches the hook off."),
        ConfigurationKey("log.hooks[].levels", .list(of: .text), status: .later, "Levels that call the hook."),
        ConfigurationKey(
            "log.hooks[].options", .section, status: .later, alias: "mailoptions", "How the mail is sent."),
        ConfigurationKey("log.hooks[].options.smtp", .section, status: .later, "The mail server."),
        ConfigurationKey("log.hooks[].options.smtp.addr", .text, status: .later, "Host and port."),
        ConfigurationKey("log.hooks[].options.smtp.username", .text, status: .later, "User name."),
        ConfigurationKey("log.hooks[].options.smtp.password", .text, secret: true, status: .later, "Password."),
        ConfigurationKey("log.hooks[].options.smtp.insecure", .boolean, status: .later, "Skips certificate checks."),
        ConfigurationKey("log.hooks[].options.from", .text, status: .later, "Sender."),
        ConfigurationKey("log.hooks[].options.to", .list(of: .text), status: .later, "Recipients."),
        ConfigurationKey("loglevel", .choice(levels), "Old name of `log.level`, used where that is not set."),

        ConfigurationKey(
            "auth", .section, "Who may do what: exactly one backend, `none`, or no section for an open registry."),
        ConfigurationKey("auth.<backend>", .options, "The backend's name and its options, which its plugin documents."),
        ConfigurationKey(
            "access", .any, status: .refused, "Rules on what each user may do. Reserved for a later version."),
        ConfigurationKey("policy", .section, status: .later, "What may be pushed."),
        ConfigurationKey("policy.repository", .section, status: .later, "Policy of repositories."),
        ConfigurationKey(
            "policy.repository.classes", .list(of: .text), status: .later,
            "Kinds of content that may be pushed: image, plugin."),

        ConfigurationKey("catalog", .section, "The list of repositories."),
        ConfigurationKey(
            "catalog.maxentries", .integer(Int(Int32.min)...Int(Int32.max)), default: "1000",
            "Most repositories on one page; 0 and less mean 1000."),
        ConfigurationKey("tags", .section, "The list of a repository's tags."),
        ConfigurationKey("tags.maxtags", .integer, default: "1000", "Most tags on one page; 0 means 1000."),

        ConfigurationKey("validation", .section, "What a pushed manifest must satisfy."),
        ConfigurationKey("validation.disabled", .boolean, default: "false", "Switches the rules below off."),
        ConfigurationKey(
            "validation.enabled", .boolean, status: .accepted("validation is on unless `validation.disabled` is true"),
            "Old; has no effect."),
        ConfigurationKey("validation.manifests", .section, "Rules for manifests."),
        ConfigurationKey(
            "validation.manifests.urls", .section,
            "Rules for URLs of layers that are kept elsewhere; without this section all are allowed."),
        ConfigurationKey(
            "validation.manifests.urls.allow", .list(of: .text), default: "[]",
            "Regular expressions, one of which such a URL must match; none and no `deny` allows no URL."),
        ConfigurationKey(
            "validation.manifests.urls.deny", .list(of: .text), default: "[]",
            "Regular expressions, none of which such a URL may match."),
        ConfigurationKey("validation.manifests.indexes", .section, "Rules for image indexes."),
        ConfigurationKey(
            "validation.manifests.indexes.platforms", .choice(["all", "none", "list"]), default: "all",
            "Which platforms of an index must exist in the repository."),
        ConfigurationKey(
            "validation.manifests.indexes.platformlist[]", .section, "The platforms that `list` names."),
        ConfigurationKey("validation.manifests.indexes.platformlist[].architecture", .text, "Such as amd64."),
        ConfigurationKey("validation.manifests.indexes.platformlist[].os", .text, "Such as linux."),
    ]
}
