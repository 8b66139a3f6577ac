import Testing

@testable import RegistryConfiguration

@Suite("Distribution's own files")
struct SampleConfigurationTests {
    private static let development = """
        version: 0.1
        log:
          level: debug
          fields:
            service: registry
            environment: development
            build: 7
          hooks:
            - type: mail
              disabled: true
              levels:
                - panic
              options:
                smtp:
                  addr: mail.example.com:25
                  username: mailuser
                  password: mailpass
                  insecure: true
                from: sender@example.com
                to:
                  - errors@example.com
        storage:
          delete:
            enabled: true
          cache:
            blobdescriptor: inmemory
          filesystem:
            rootdirectory: /var/lib/registry
          maintenance:
            uploadpurging:
              enabled: false
          tag:
            concurrencylimit: 8
        http:
          addr: :5000
          debug:
            addr: :5001
            prometheus:
              enabled: true
              path: /metrics
          headers:
            X-Content-Type-Options: [nosniff]
        health:
          storagedriver:
            enabled: true
            interval: 10s
            threshold: 3
        """

    private static let example = """
        version: 0.1
        log:
          accesslog:
            disabled: true
          level: info
          formatter: text
          fields:
            service: registry
        loglevel: debug # deprecated: use "log"
        storage:
          s3:
            accesskey: awsaccesskey
            secretkey: awssecretkey
            region: us-west-1
            regionendpoint: http://myobjects.local
            forcepathstyle: true
            bucket: bucketname
            encrypt: yes
            chunksize: 5242880
            rootdirectory: /s3/object/name/prefix
            loglevel: off
          delete:
            enabled: false
          redirect:
            disable: false
          maintenance:
            uploadpurging:
              enabled: true
              age: 168h
              interval: 24h
              dryrun: false
            readonly:
              enabled: false
        auth:
          htpasswd:
            realm: basic-realm
            path: /path/to/htpasswd
        middleware:
          storage:
            - name: redirect
              options:
                baseurl: https://example.com/
            - name: cloudfront
              disabled: true
        http:
          addr: localhost:5000
          prefix: /my/nested/registry/
          host: https://myregistryaddress.org:5000
          secret: asecretforlocaldevelopment
          relativeurls: false
          draintimeout: 60s
          tls:
            certificate: /path/to/x509/public
            key: /path/to/x509/private
            minimumtls: tls1.2
            ciphersuites:
              - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
          http2:
            disabled: false
          h2c:
            enabled: false
        notifications:
          endpoints:
            - name: alistener
              disabled: false
              url: https://my.listener.com/event
              headers:
                Authorization: [Bearer hunter2]
              timeout: 1s
              threshold: 10
              backoff: 1s
        validation:
          manifests:
            urls:
              allow:
                - ^https?://([^/]+\\.)*example\\.com/
              deny: []
            indexes:
              platforms: List
              platformlist:
                - architecture: amd64
                  os: linux
        """

    @Test("The development file is read, and only what does not exist yet is warned of")
    func developmentFile() throws {
        let loaded = load(Self.development)
        let configuration = try #require(loaded.configuration, "\(loaded.report)")
        #expect(configuration.log.level == .debug)
        #expect(configuration.log.fields == ["service": "registry", "environment": "development", "build": "7"])
        #expect(configuration.storage.driver.name == "filesystem")
        #expect(configuration.storage.driver.options.json == #"{"rootdirectory":"/var/lib/registry"}"#)
        #expect(configuration.storage.deleteEnabled)
        #expect(configuration.http.address == .tcp(host: nil, port: 5000))
        #expect(configuration.http.headers == [.init(name: "X-Content-Type-Options", values: ["nosniff"])])
        #expect(configuration.auth == nil)
        #expect(
            loaded.issues.filter { $0.severity == .warning }.map(\.path) == [
                "log.hooks", "storage.tag", "http.debug", "health",
            ])
        #expect(loaded.messages(.note).count == 1)
        #expect(loaded.messages(.note).first?.hasPrefix("config.yml:25:3: note: storage.cache: not needed") == true)
    }

    @Test("The example file is read into types")
    func exampleFile() throws {
        let loaded = load(Self.example)
        let configuration = try #require(loaded.configuration, "\(loaded.report)")
        #expect(configuration.log.level == .info)
        #expect(configuration.log.accessLogDisabled)
        #expect(configuration.storage.driver.name == "s3")
        #expect(configuration.storage.driver.options.json.contains(#""encrypt":true,"chunksize":5242880"#))
        #expect(configuration.storage.driver.options.json.contains(#""loglevel":false"#))
        #expect(
            configuration.storage.driver.options.origin(at: "/bucket") == .file(name: "config.yml", line: 17, column: 5)
        )
        #expect(!configuration.storage.deleteEnabled)
        #expect(configuration.auth?.name == "htpasswd")
        #expect(configuration.auth?.options.json == #"{"realm":"basic-realm","path":"/path/to/htpasswd"}"#)
        #expect(configuration.storageMiddleware.map(\.name) == ["redirect"])
        #expect(configuration.http.address == .tcp(host: "localhost", port: 5000))
        #expect(configuration.http.prefix == "/my/nested/registry/")
        #expect(configuration.http.host == "https://myregistryaddress.org:5000")
        #expect(configuration.http.drainTimeout == .seconds(60))
        #expect(configuration.http.tls?.key == "/path/to/x509/private")
        #expect(configuration.http.tls?.cipherSuites == ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"])
        #expect(configuration.validation.platforms == .list)
        #expect(configuration.validation.platformList == [.init(architecture: "amd64", os: "linux")])
        #expect(configuration.validation.allowedURLs == ["^https?://([^/]+\\.)*example\\.com/"])
        #expect(loaded.issues.map(\.path) == ["notifications"])
        let purging = RegistryConfiguration.UploadPurging(
            age: .seconds(168 * 3600), interval: .seconds(24 * 3600), isDryRun: false)
        #expect(configuration.storage.uploadPurging == purging)
    }

    @Test("Without a file there is a registry for trying out")
    func withoutFile() throws {
        let loaded = ConfigurationSource.load(file: nil, environment: [:])
        let configuration = try #require(loaded.configuration, "\(loaded.report)")
        #expect(configuration.storage.driver.options.json == #"{"rootdirectory":"./data"}"#)
        #expect(configuration.storage.deleteEnabled)
        #expect(configuration.http.address == .tcp(host: "127.0.0.1", port: 5000))
        #expect(loaded.issues.isEmpty)
        #expect(!loaded.show().contains("config.yml"))
    }

    @Test("Defaults are those of the table")
    func defaults() throws {
        let configuration = try #require(load("version: 0.1\nstorage: inmemory").configuration)
        #expect(configuration.storage.driver.name == "inmemory")
        #expect(configuration.storage.driver.options.json == "{}")
        #expect(configuration.storage.operationTimeout == .seconds(60))
        #expect(!configuration.storage.deleteEnabled)
        #expect(configuration.http.address == .tcp(host: nil, port: 5000))
        #expect(configuration.http.drainTimeout == .seconds(10))
        #expect(configuration.http.timeouts == .init(header: .seconds(30), idle: .seconds(75), stall: .seconds(60)))
        #expect(
            configuration.http.limits
                == .init(
                    headerBytes: 65_536, headers: 100, connections: 10_000, manifestBytes: 4_194_304, uploadBytes: nil))
        #expect(configuration.http.prefix == "/")
        #expect(configuration.http.threads == 0)
        #expect(configuration.catalogMaxEntries == 1000)
        #expect(configuration.tagsMaxTags == 1000)
        #expect(configuration.log.level == .info)
        #expect(configuration.log.formatter == .text)
        #expect(configuration.validation.platforms == .all)
    }

    @Test(
        "A file that cannot be read is one clear error", arguments: ["/nonexistent/config.yml", "/", "/etc/passwd/x"])
    func unreadable(path: String) {
        let loaded = ConfigurationSource.load(file: path, environment: [:])
        #expect(loaded.configuration == nil)
        #expect(loaded.issues.count == 1)
        #expect(loaded.show().hasPrefix("#"))
    }
}
