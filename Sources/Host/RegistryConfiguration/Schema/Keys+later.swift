extension ConfigurationKey {
    /// Sections of Distribution's file whose features do not exist yet.
    static let later: [ConfigurationKey] = notifications + health + proxy + redis

    private static func row(
        _ path: String, _ type: KeyType, default standard: String? = nil, secret: Bool = false, alias: String? = nil,
        _ text: String
    ) -> ConfigurationKey {
        ConfigurationKey(path, type, default: standard, secret: secret, status: .later, alias: alias, text)
    }

    private static let notifications: [ConfigurationKey] = [
        row("notifications", .section, "Events sent to other services."),
        row("notifications.events", .section, alias: "eventconfig", "What events hold."),
        row("notifications.events.includereferences", .boolean, default: "false", "Adds a manifest's references."),
        row("notifications.endpoints[]", .section, "The receivers."),
        row("notifications.endpoints[].name", .text, "Name for logs and metrics."),
        row("notifications.endpoints[].disabled", .boolean, default: "false", "Leaves it out."),
        row("notifications.endpoints[].type", .text, "The sink that delivers; default: webhook."),
        row("notifications.endpoints[].url", .text, "Where events are posted."),
        row("notifications.endpoints[].headers", .map(of: .list(of: .text)), secret: true, "Headers sent along."),
        row("notifications.endpoints[].timeout", .duration, default: "1s", "For one delivery."),
        row("notifications.endpoints[].threshold", .integer, default: "10", "Failures before a pause."),
        row("notifications.endpoints[].backoff", .duration, default: "1s", "Length of the pause."),
        row("notifications.endpoints[].ignoredmediatypes", .list(of: .text), "Media types without events (old name)."),
        row("notifications.endpoints[].ignore", .section, "What raises no event."),
        row("notifications.endpoints[].ignore.mediatypes", .list(of: .text), "Media types."),
        row("notifications.endpoints[].ignore.actions", .list(of: .text), "Actions."),
    ]

    private static let health: [ConfigurationKey] = [
        row("health", .section, "Checks that can take the registry out of service."),
        row("health.storagedriver", .section, "Check of the storage."),
        row("health.storagedriver.enabled", .boolean, default: "false", "Switches it on."),
        row("health.storagedriver.interval", .duration, default: "10s", "Time between two checks."),
        row("health.storagedriver.threshold", .integer, default: "0", "Failures in a row that count."),
        row("health.file[]", .section, alias: "filecheckers", "Unhealthy while a file exists."),
        row("health.file[].file", .text, "Its path."),
        row("health.file[].interval", .duration, default: "10s", "Time between two checks."),
        row("health.file[].threshold", .integer, default: "0", "Failures in a row that count."),
        row("health.http[]", .section, alias: "httpcheckers", "Unhealthy while a URL fails."),
        row("health.http[].uri", .text, "The URL."),
        row("health.http[].headers", .map(of: .list(of: .text)), secret: true, "Headers sent along."),
        row("health.http[].statuscode", .integer, default: "200", "The status that means health."),
        row("health.http[].timeout", .duration, "For one check."),
        row("health.http[].interval", .duration, default: "10s", "Time between two checks."),
        row("health.http[].threshold", .integer, default: "0", "Failures in a row that count."),
        row("health.tcp[]", .section, alias: "tcpcheckers", "Unhealthy while nothing listens."),
        row("health.tcp[].addr", .text, "Host and port."),
        row("health.tcp[].timeout", .duration, "For one check."),
        row("health.tcp[].interval", .duration, default: "10s", "Time between two checks."),
        row("health.tcp[].threshold", .integer, default: "0", "Failures in a row that count."),
    ]

    private static let proxy: [ConfigurationKey] = [
        row("proxy", .section, "Caching another registry."),
        row("proxy.remoteurl", .text, "The registry to cache."),
        row("proxy.username", .text, "User name there."),
        row("proxy.password", .text, secret: true, "Password there."),
        row("proxy.exec", .section, "A command that gives credentials."),
        row("proxy.exec.command", .text, "The command."),
        row("proxy.exec.lifetime", .duration, "How long its answer holds."),
        row("proxy.ttl", .duration(Int64.min...Int64.max), default: "168h", "How long content is kept."),
        row("proxy.cachewritetimeout", .duration, default: "5m", "For writing to the cache."),
    ]

    private static let redis: [ConfigurationKey] =
        [
            row("redis", .section, "A Redis server."),
            row("redis.addrs", .list(of: .text), "Hosts and ports."),
            row("redis.clientname", .text, "Name of the connection."),
            row("redis.db", .integer, "Number of the database."),
            row("redis.protocol", .integer, "Version of the protocol."),
            row("redis.username", .text, "User name."),
            row("redis.password", .text, secret: true, "Password."),
            row("redis.sentinelusername", .text, "User name at the sentinels."),
            row("redis.sentinelpassword", .text, secret: true, "Password at the sentinels."),
            row("redis.mastername", .text, "Name of the master at the sentinels."),
            row("redis.tls", .section, "TLS to Redis."),
            row("redis.tls.certificate", .text, "Path of the client certificate."),
            row("redis.tls.key", .text, "Path of its key."),
            row("redis.tls.rootcas", .list(of: .text), "Paths of trusted certificates."),
        ] + redisTuning

    private static let redisTuning: [ConfigurationKey] = {
        let anyInteger = KeyType.integer(Int(Int32.min)...Int(Int32.max))
        let anyDuration = KeyType.duration(Int64.min...Int64.max)
        let integers = [
            "maxretries", "poolsize", "minidleconns", "maxidleconns", "maxactiveconns", "maxredirects",
        ]
        let durations = [
            "minretrybackoff", "maxretrybackoff", "dialtimeout", "readtimeout", "writetimeout", "pooltimeout",
            "connmaxidletime", "connmaxlifetime",
        ]
        let booleans = [
            "contexttimeoutenabled", "poolfifo", "readonly", "routebylatency", "routerandomly", "disableidentity",
            "unstableresp3",
        ]
        let text = "As in go-redis."
        return integers.map { row("redis.\($0)", anyInteger, text) }
            + durations.map { row("redis.\($0)", anyDuration, text) }
            + booleans.map { row("redis.\($0)", .boolean, text) }
            + [row("redis.identitysuffix", .text, text)]
    }()
}
