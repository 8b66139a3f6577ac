import HTTPServer
import Logging
import RegistryConfiguration
import RegistryCore
import RegistryHTTP
import RegistryPlugins
import RegistryTelemetry

// The configuration, turned into what each part takes. One place per part.

extension RegistryConfiguration.Log {
    var settings: LogConfiguration {
        LogConfiguration(
            level: RegistryLogging.level(named: level.rawValue) ?? .info,
            format: LogFormat(rawValue: formatter.rawValue) ?? .text, fields: fields)
    }
}

extension RegistryConfiguration.Storage {
    var timeouts: PluginTimeouts {
        var timeouts = PluginTimeouts()
        timeouts.operation = operationTimeout
        timeouts.transfer = max(operationTimeout, timeouts.transfer)
        return timeouts
    }
}

extension ComponentConfiguration {
    var forPlugin: PluginComponent {
        PluginComponent(name: name, options: options.json, scalarTexts: options.scalarTexts)
    }
}

extension RegistryConfiguration {
    /// What the registry takes.
    /// - Throws: `PatternError` if an expression of `validation.manifests.urls` is none.
    func registrySettings() throws -> RegistrySettings {
        var settings = RegistrySettings()
        settings.deleteEnabled = storage.deleteEnabled
        settings.readOnly = storage.readOnly
        settings.redirects = !storage.redirectDisabled
        settings.catalogMaximum = catalogMaxEntries
        settings.tagsMaximum = tagsMaxTags
        settings.manifestLimit = http.limits.manifestBytes
        settings.secret = http.secret ?? ""
        settings.indexValidation = validation.indexes
        settings.urlRules = try validation.urls()
        return settings
    }

    var httpSettings: RegistryHTTPSettings {
        var settings = RegistryHTTPSettings()
        settings.prefix = http.prefix
        settings.host = http.host
        settings.relativeURLs = http.relativeURLs
        settings.headers = http.headers.flatMap { header in header.values.map { (header.name, $0) } }
        settings.uploadLimit = http.limits.uploadBytes.map { UInt64(max(0, $0)) }
        return settings
    }

    var serverConfiguration: HTTPServerConfiguration {
        var server = HTTPServerConfiguration(addresses: [http.address.serverAddress])
        server.tls = http.tls.map(\.serverTLS)
        server.http2 = !http.http2Disabled
        server.h2c = http.h2cEnabled
        server.limits.headerBytes = http.limits.headerBytes
        server.limits.headerCount = http.limits.headers
        server.limits.connections = http.limits.connections
        server.timeouts.header = http.timeouts.header
        server.timeouts.keepAlive = http.timeouts.idle
        server.timeouts.bodyStall = http.timeouts.stall
        server.timeouts.writeStall = http.timeouts.stall
        server.eventLoopThreads = http.threads
        return server
    }
}

extension RegistryConfiguration.Validation {
    func urls() throws -> URLRules {
        disabled || !checksURLs ? .any : try URLRules(allow: allowedURLs, deny: deniedURLs)
    }

    var indexes: RegistrySettings.IndexValidation {
        if disabled { return .none }
        switch platforms {
        case .all: return .all
        case .none: return .none
        case .list: return .platforms(Set(platformList.map { "\($0.os)/\($0.architecture)" }))
        }
    }
}

extension RegistryConfiguration.TLS {
    var serverTLS: HTTPServerConfiguration.TLS {
        HTTPServerConfiguration.TLS(
            certificateFile: certificate, privateKeyFile: key, minimumVersion: minimum == .tls13 ? .tls13 : .tls12,
            cipherSuites: cipherSuites.isEmpty ? nil : cipherSuites)
    }
}

extension ListenAddress {
    var serverAddress: HTTPServerConfiguration.Address {
        switch self {
        case .tcp(let host, let port): .tcp(host: host ?? "::", port: port)
        case .unix(let path): .unix(path: path)
        }
    }
}
