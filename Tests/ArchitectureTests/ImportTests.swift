import Foundation
import TestSupport
import Testing

@Suite("Who may import whom")
struct ImportTests {
    /// What may be imported anywhere: the language's own modules and the C library.
    static let everywhere: Set<String> = ["Swift", "Synchronization", "Glibc"]

    /// What each host module may import besides. A new module needs a row here and in `Package.swift`.
    static let host: [String: Set<String>] = [
        "RegistryModel": [],
        "RegistryStorage": ["RegistryModel", "NIOCore", "Logging"],
        "RegistryTelemetry": ["Logging", "Dispatch"],
        "RegistryConfiguration": ["CYAML"],
        "RegistryAuth": ["RegistryModel", "Logging", "Crypto"],
        "RegistryEvents": ["RegistryModel", "Logging"],
        "HTTPServer": [
            "CHostLinux", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOHTTP2", "NIOHPACK", "NIOSSL", "NIOTLS", "Logging",
        ],
        "RegistryCore": [
            "RegistryModel", "RegistryStorage", "RegistryAuth", "RegistryEvents", "NIOCore", "Logging", "Crypto",
            // For keys of swift-crypto, which come as `Data`.
            "FoundationEssentials",
        ],
        "RegistryPlugins": [
            "PluginABI", "CHostLinux", "RegistryModel", "RegistryStorage", "RegistryAuth", "RegistryEvents",
            "RegistryTelemetry", "NIOCore", "Logging", "Crypto",
        ],
        "RegistryHTTP": [
            "HTTPServer", "RegistryCore", "RegistryModel", "RegistryAuth", "NIOCore", "NIOHTTP1", "Logging", "Crypto",
        ],
        "Mooring": [
            "RegistryHTTP", "RegistryCore", "RegistryStorage", "RegistryPlugins", "RegistryTelemetry", "RegistryAuth",
            "RegistryEvents", "RegistryConfiguration", "HTTPServer", "RegistryModel", "ArgumentParser", "Logging",
            "NIOCore", "NIOPosix", "NIOHTTP1", "Dispatch",
        ],
    ]

    /// What a plugin and the kit may import besides: the contract, the kit, and C libraries; no host module and no
    /// Swift package of the host.
    static let plugins: Set<String> = [
        "PluginABI", "PluginKit", "ObjectStoreKit", "CLinux", "CCurl", "CXML2", "COpenSSL", "CChecksum",
        // JSON of the stores.
        "FoundationEssentials",
    ]

    @Test("Every host module imports only what its row allows", arguments: directories(in: "Sources/Host"))
    func hostImports(module: String) throws {
        let sources = SourceTree.files(below: "Sources/Host/\(module)", extensions: ["swift"])
        // A directory of C declarations alone imports nothing.
        guard !sources.isEmpty else { return }
        let allowed = try #require(Self.host[module], "no row says what \(module) may import")
        for file in sources {
            for name in try imports(of: file) {
                #expect(allowed.union(Self.everywhere).contains(name), "\(file) imports \(name)")
            }
        }
    }

    @Test("No plugin imports a host module", arguments: directories(in: "Plugins"))
    func pluginImports(plugin: String) throws {
        for file in SourceTree.files(below: "Plugins/\(plugin)", extensions: ["swift"]) {
            for name in try imports(of: file) {
                #expect(Self.plugins.union(Self.everywhere).contains(name), "\(file) imports \(name)")
            }
        }
    }

    @Test("The plugin ABI includes headers of the C standard alone")
    func abiIncludes() throws {
        let standard: Set<String> = ["stddef.h", "stdint.h", "stdbool.h"]
        let files = SourceTree.files(below: "Sources/PluginABI", extensions: ["h", "c"])
        #expect(!files.isEmpty)
        for file in files {
            for line in try lines(of: file) where line.hasPrefix("#include") {
                let name = line.dropFirst("#include".count).trimmingCharacters(in: CharacterSet(charactersIn: " <>\""))
                #expect(standard.contains(name) || name.hasPrefix("mooring/"), "\(file): \(line)")
            }
        }
    }

    /// Words that give up the compiler's guarantees, and who has to use them.
    static let pointerWords = [
        "UnsafeMutableRawPointer", "UnsafeRawPointer(", "Unmanaged<", "unsafeBitCast", "unsafeDowncast", "dlopen",
    ]
    static let pointerPlaces = [
        "Sources/Host/RegistryPlugins/": "the boundary to the plugins",
        "Sources/Host/RegistryConfiguration/": "libyaml",
    ]

    @Test("Raw pointers stay at the boundaries of the host")
    func rawPointers() throws {
        for file in SourceTree.files(below: "Sources/Host", extensions: ["swift"]) {
            guard !Self.pointerPlaces.keys.contains(where: file.hasPrefix) else { continue }
            for (number, line) in try lines(of: file).enumerated() {
                let code = line.components(separatedBy: "//")[0]
                let found = Self.pointerWords.filter(code.contains)
                #expect(found.isEmpty, "\(file):\(number + 1) uses \(found)")
            }
        }
    }

    @Test("Whoever promises Sendable unchecked says what guards it")
    func uncheckedPromises() throws {
        for file in SourceTree.files(below: "Sources/Host", extensions: ["swift"]) {
            let lines = try lines(of: file)
            for (number, line) in lines.enumerated() {
                let code = line.components(separatedBy: "//")[0]
                guard code.contains("@unchecked Sendable") || code.contains("nonisolated(unsafe)") else { continue }
                let around = lines[max(0, number - 1)...min(number + 1, lines.count - 1)]
                #expect(around.contains { $0.contains("//") }, "\(file):\(number + 1) has no comment")
            }
        }
    }
}

/// The directories directly below a directory of the tree.
func directories(in directory: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: SourceTree.path(directory))) ?? []
    return names.sorted().filter { name in
        var isDirectory: ObjCBool = false
        let path = SourceTree.path(directory + "/" + name)
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }
}

func lines(of file: String) throws -> [String] {
    try SourceTree.text(file).components(separatedBy: "\n")
}

/// The modules that a Swift file imports.
private func imports(of file: String) throws -> [String] {
    try lines(of: file).compactMap { line in
        let words = line.split(separator: " ")
        guard let position = words.firstIndex(of: "import"), position + 1 < words.count else { return nil }
        guard words[..<position].allSatisfy({ $0.hasPrefix("@") || $0 == "public" || $0 == "package" }) else {
            return nil
        }
        // `import struct Module.Name` and `import Module`.
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let name = kinds.contains(words[position + 1]) ? words.last : words[position + 1]
        return name.map { String($0.prefix { $0 != "." }) }
    }
}
