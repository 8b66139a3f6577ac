extension ConfigurationKey {
    private static let noCache = "not needed, reads are never answered from a descriptor cache"

    /// Storage and its middlewares.
    static let storage: [ConfigurationKey] =
        [
            ConfigurationKey(
                "storage", .section, "Where content is kept: exactly one driver and the keys below. Required."),
            ConfigurationKey(
                "storage.<driver>", .options, "The driver's name and its options, which its plugin documents."),
            ConfigurationKey(
                "storage.operationtimeout", .duration(1_000_000...Int64.max), default: "60s",
                "How long one call of the driver may take."),
            ConfigurationKey("storage.delete", .section, "Deletion by clients."),
            ConfigurationKey("storage.delete.enabled", .boolean, default: "false", "Lets clients delete."),
            ConfigurationKey("storage.redirect", .section, "Sending clients to the storage service for blobs."),
            ConfigurationKey("storage.redirect.disable", .boolean, default: "false", "Serves every blob itself."),
            ConfigurationKey("storage.maintenance", .section, "Upkeep."),
            ConfigurationKey("storage.maintenance.readonly", .section, "Read-only service."),
            ConfigurationKey("storage.maintenance.readonly.enabled", .boolean, default: "false", "Refuses all writes."),
            ConfigurationKey(
                "storage.maintenance.uploadpurging", .section, "Removal of uploads that nobody finished."),
            ConfigurationKey(
                "storage.maintenance.uploadpurging.enabled", .boolean, default: "true",
                "Switches it on. A read-only registry removes none."),
            ConfigurationKey(
                "storage.maintenance.uploadpurging.age", .duration, default: "168h",
                "Age at which an upload is removed if nothing was added to it since."),
            ConfigurationKey(
                "storage.maintenance.uploadpurging.interval", .duration(1_000_000_000...Int64.max), default: "24h",
                "Time between two runs. The first is within the hour after the start."),
            ConfigurationKey(
                "storage.maintenance.uploadpurging.dryrun", .boolean, default: "false",
                "Reports in the log and removes nothing."),
            ConfigurationKey("storage.cache", .section, status: .accepted(noCache), "Cache of blob descriptors."),
            ConfigurationKey(
                "storage.cache.blobdescriptor", .text, status: .accepted(noCache), "Distribution: inmemory or redis."),
            ConfigurationKey("storage.cache.layerinfo", .text, status: .accepted(noCache), "Old name of the same."),
            ConfigurationKey(
                "storage.cache.blobdescriptorsize", .integer, status: .accepted(noCache), "Entries of the cache."),
            ConfigurationKey("storage.tag", .section, status: .later, "Tag look-ups."),
            ConfigurationKey(
                "storage.tag.concurrencylimit", .integer, default: "0", status: .later,
                "Look-ups at once when a manifest is deleted."),

            ConfigurationKey("middleware", .section, "Components between the registry and its backends."),
            ConfigurationKey(
                "middleware.storage[]", .section, "Middlewares around the storage driver, the first one innermost."),
            ConfigurationKey("middleware.storage[].name", .text, "The middleware's name. Required."),
            ConfigurationKey("middleware.storage[].disabled", .boolean, default: "false", "Leaves it out."),
            ConfigurationKey("middleware.storage[].options", .options, "Its options, which its plugin documents."),
        ] + laterMiddleware("registry") + laterMiddleware("repository")

    private static func laterMiddleware(_ kind: String) -> [ConfigurationKey] {
        [
            ConfigurationKey("middleware.\(kind)[]", .section, status: .later, "Middlewares around the \(kind)."),
            ConfigurationKey("middleware.\(kind)[].name", .text, status: .later, "The middleware's name."),
            ConfigurationKey("middleware.\(kind)[].disabled", .boolean, status: .later, "Leaves it out."),
            ConfigurationKey("middleware.\(kind)[].options", .options, status: .later, "Its options."),
        ]
    }

    /// Where plugins are found.
    static let plugins: [ConfigurationKey] = [
        ConfigurationKey("plugins", .section, "The shared libraries that hold drivers, backends and middlewares."),
        ConfigurationKey(
            "plugins.directories", .list(of: .text), default: "[]",
            "Absolute paths of directories that are searched; they replace the default, which is the executable's directory and `/usr/lib/mooring/plugins`."
        ),
        ConfigurationKey(
            "plugins.load[]", .section(shorthand: "path"), "Single plugin files: an absolute path, or the keys below."),
        ConfigurationKey("plugins.load[].path", .text, "Absolute path of the file. Required."),
        ConfigurationKey("plugins.load[].sha256", .text, "SHA-256 that the file must have, in hexadecimal."),
    ]
}
