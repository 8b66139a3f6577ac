import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryHTTP

/// What real clients depend on and newcomers get wrong. The numbers are those of the list in the project's notes on
/// Distribution; those of connections and authorisation are tested elsewhere.
@Suite("Traps of real clients")
struct TrapTests {
    private let content = "0123456789"

    @Test("1: every Location keeps the client's scheme and host")
    func trap1() async throws {
        let api = API()
        let digest = try await api.push(content, to: "source")
        try await api.push("{}", to: "a")
        try await api.push("layer", to: "a")
        let proxy = [("X-Forwarded-Proto", "https"), ("Host", "registry.test")]
        let start = try await api.send(.POST, "/v2/a/blobs/uploads/", [proxy[0]])
        let session = try start.location()
        let type = [("Content-Type", MediaType.ociManifest.rawValue)]
        let answers = [
            start,
            try await api.send(.PATCH, session, [proxy[0]], body: content),
            try await api.send(.GET, session, [proxy[0]]),
            try await api.send(.POST, "/v2/a/blobs/uploads/?digest=\(digest)", [proxy[0]], body: content),
            try await api.send(.POST, "/v2/a/blobs/uploads/?mount=\(digest)&from=source", [proxy[0]]),
            try await api.send(.PUT, "/v2/a/manifests/v1", [proxy[0]] + type, body: Documents.image()),
            try await api.send(.PATCH, session, [proxy[0]], body: content),
        ]
        #expect(answers.map(\.status) == [202, 202, 204, 201, 201, 201, 416])
        for answer in answers { #expect(answer["Location"]?.hasPrefix("https://registry.test/v2/a/") == true) }
    }

    @Test("2: a Location has a query already, and clients add to it with &")
    func trap2() async throws {
        let api = API()
        var location = try await api.begin("a")
        #expect(location.contains("?"))
        var seen: Set<String> = [location]
        for part in ["01234", "567"] {
            location = try await api.send(.PATCH, location, body: part).location()
            #expect(seen.insert(location).inserted, "each answer's location is new")
        }
        #expect(try await api.send(.PUT, "\(location)&digest=\(digest(of: content))", body: "89").status == 201)
        // By parsing, as Go does: sorted keys, escaped values.
        let parsed = try await api.begin("a").split(separator: "?")
        let escaped = digest(of: content).replacing(":", with: "%3A")
        #expect(try await api.send(.PUT, "\(parsed[0])?\(parsed[1])&digest=\(escaped)", body: content).status == 201)
        let again = try await api.begin("a").split(separator: "?")
        #expect(try await api.send(.PUT, "\(again[0])?digest=\(escaped)&\(again[1])", body: content).status == 201)
    }

    @Test("3: every 201 has Docker-Content-Digest in the client's algorithm")
    func trap3() async throws {
        for algorithm in RegistryModel.Digest.Algorithm.allCases {
            let api = API()
            let blob = digest(of: content, algorithm)
            for text in ["{}", "layer"] { try await api.push(text, to: "a") }
            let manifest = Documents.image()
            let answers = [
                try await api.send(.POST, "/v2/a/blobs/uploads/?digest=\(blob)", body: content),
                try await api.send(.PUT, "\(try await api.begin("a"))&digest=\(blob)", body: content),
                try await api.send(.POST, "/v2/b/blobs/uploads/?mount=\(blob)&from=a"),
                try await api.put(manifest, at: "/v2/a/manifests/\(digest(of: manifest, algorithm))"),
            ]
            #expect(answers.allSatisfy { $0.status == 201 })
            let wanted = [blob, blob, blob, digest(of: manifest, algorithm)]
            #expect(answers.map { $0["Docker-Content-Digest"] } == wanted)
        }
    }

    @Test("4: Range of a session has no unit, is inclusive, and can be parsed even when it is empty")
    func trap4() async throws {
        let api = API()
        let begun = try await api.send(.POST, "/v2/a/blobs/uploads/")
        let one = try await api.send(.PATCH, try begun.location(), body: "0")
        let ten = try await api.send(.PATCH, try one.location(), body: "123456789")
        #expect([begun, one, ten].map { $0["Range"] } == ["0-0", "0-0", "0-9"])
    }

    @Test("5: a PATCH without Content-Range appends")
    func trap5() async throws {
        let api = API()
        let first = try await api.send(.PATCH, try await api.begin("a"), body: "01234").location()
        let second = try await api.send(.PATCH, first, body: "56789")
        #expect(second["Range"] == "0-9")
    }

    @Test("6: POST and PUT with the body, with an empty PUT, and with a useless Content-Range")
    func trap6() async throws {
        let api = API()
        let digest = digest(of: content)
        #expect(try await api.send(.PUT, "\(try await api.begin("a"))&digest=\(digest)", body: content).status == 201)
        for headers in [[], [("Content-Range", "10-10")]] {
            let patched = try await api.send(.PATCH, try await api.begin("a"), body: content).location()
            #expect(try await api.send(.PUT, "\(patched)&digest=\(digest)", headers).status == 201)
        }
    }

    @Test(
        "7: content types of uploads mean nothing, and no body is a form",
        arguments: [
            "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain",
            "%%%",
        ])
    func trap7(type: String) async throws {
        let api = API()
        let headers = [("Content-Type", type)]
        let content = "digest=\(digest(of: "other"))&_state=x"
        let begun = try await api.send(.POST, "/v2/a/blobs/uploads/", headers)
        #expect(begun.status == 202)
        let patched = try await api.send(.PATCH, try begun.location(), headers, body: content)
        #expect(patched.status == 202)
        let put = try await api.send(.PUT, "\(try patched.location())&digest=\(digest(of: content))", headers)
        #expect(put.status == 201)
        let single = try await api.send(
            .PUT, "\(try await api.begin("a"))&digest=\(digest(of: content))", headers, body: content)
        #expect(single.status == 201)
    }

    @Test("8: exact status codes")
    func trap8() async throws {
        let api = API()
        let digest = digest(of: content)
        var statuses = [try await api.send(.GET, "/v2/").status]
        let begun = try await api.send(.POST, "/v2/a/blobs/uploads/")
        let patched = try await api.send(.PATCH, try begun.location(), body: content)
        statuses += [begun.status, patched.status, try await api.send(.GET, try patched.location()).status]
        statuses.append(try await api.send(.PUT, "\(try patched.location())&digest=\(digest)").status)
        statuses.append(try await api.send(.DELETE, try await api.begin("a")).status)
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        statuses.append(try await api.send(.DELETE, "/v2/a/manifests/\(RegistryHTTPTests.digest(of: manifest))").status)
        statuses.append(try await api.send(.DELETE, "/v2/a/blobs/\(digest)").status)
        #expect(statuses == [200, 202, 202, 204, 201, 204, 202, 202])
    }

    @Test("9: a mount that can't be done is 202 with a session that works")
    func trap9() async throws {
        let api = API()
        let digest = digest(of: content)
        try await api.push("other", to: "source")
        for query in [
            "mount=\(digest)&from=source", "mount=\(digest)&from=nowhere", "mount=\(digest)", "mount=\(digest)&from=",
            "mount=\(digest)&from=UPPER", "mount=garbage&from=source", "mount=&from=source", "from=source",
            "mount=\(digest)&from=target", "mount=sha512:abc&from=source", "mount=%00&from=%00",
        ] {
            let answer = try await api.send(.POST, "/v2/target/blobs/uploads/?\(query)")
            #expect(answer.status == 202, "\(query)")
            let put = try await api.send(.PUT, "\(try answer.location())&digest=\(digest)", body: content)
            #expect(put.status == 201, "\(query)")
            try await api.send(.DELETE, "/v2/target/blobs/\(digest)")
        }
    }

    @Test("10 and 33: the session that a failed mount leaves can be cancelled, also by its bare path")
    func trap10() async throws {
        let api = API()
        for isBare in [false, true] {
            let answer = try await api.send(.POST, "/v2/a/blobs/uploads/?mount=\(digest(of: content))&from=b")
            let location = try answer.location()
            let target = isBare ? String(location.prefix { $0 != "?" }) : location
            #expect(try await api.send(.DELETE, target).status == 204)
        }
    }

    @Test("11: HEAD has the real length, and of manifests digest and type")
    func trap11() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        let head = try await api.send(.HEAD, "/v2/a/manifests/v1")
        #expect(head["Content-Length"] == String(manifest.utf8.count))
        #expect(head["Docker-Content-Digest"] == digest(of: manifest))
        #expect(head["Content-Type"] == MediaType.ociManifest.rawValue)
        #expect(try await api.send(.HEAD, "/v2/a/blobs/\(digest(of: "layer"))")["Content-Length"] == "5")
    }

    @Test("12: HEAD is 200 or 404, and never answered from what was true before")
    func trap12() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        let other = API(api.storage)
        let paths = ["manifests/v1", "manifests/\(digest(of: manifest))", "blobs/\(digest(of: "layer"))"]
        for path in paths { #expect(try await api.send(.HEAD, "/v2/a/\(path)").status == 200) }
        // Through another process.
        for path in paths.dropFirst() { #expect(try await other.send(.DELETE, "/v2/a/\(path)").status == 202) }
        for path in paths { #expect(try await api.send(.HEAD, "/v2/a/\(path)").status == 404) }
    }

    @Test("13: a digest of the other kind is a clean 404")
    func trap13() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        let blob = try await api.send(.GET, "/v2/a/blobs/\(digest(of: manifest))")
        #expect(blob.status == 404)
        #expect(blob.codes == ["BLOB_UNKNOWN"])
        let layer = try await api.send(.GET, "/v2/a/manifests/\(digest(of: "layer"))")
        #expect(layer.status == 404)
        #expect(layer.codes == ["MANIFEST_UNKNOWN"])
    }

    @Test("14: Accept may be a list, anything, or exactly the type; the answer's type has no parameters")
    func trap14() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        for accept in [
            MediaType.ociManifest.rawValue, "*/*", "\(MediaType.ociManifest), */*",
            "\(MediaType.dockerManifest),\(MediaType.ociIndex) , \(MediaType.ociManifest);q=0.9",
        ] {
            let answer = try await api.send(.GET, "/v2/a/manifests/v1", [("Accept", accept)])
            #expect(answer.text == manifest)
            #expect(answer["Content-Type"] == MediaType.ociManifest.rawValue)
        }
    }

    @Test("15: an open range begins exactly there, and Accept-Ranges says that ranges work")
    func trap15() async throws {
        let api = API()
        let digest = try await api.push(content, to: "a")
        for start in 1..<10 {
            let answer = try await api.send(.GET, "/v2/a/blobs/\(digest)", [("Range", "bytes=\(start)-")])
            #expect(answer.status == 206)
            #expect(answer["Content-Range"] == "bytes \(start)-9/10")
            #expect(answer["Accept-Ranges"] == "bytes")
            #expect(answer.text == String(content.dropFirst(start)))
        }
    }

    @Test("16: nothing is ever encoded")
    func trap16() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        for path in ["blobs/\(digest(of: "layer"))", "manifests/v1", "tags/list"] {
            let answer = try await api.send(.GET, "/v2/a/\(path)", [("Accept-Encoding", "zstd, gzip, deflate, br")])
            #expect(answer["Content-Encoding"] == nil)
            if path == "manifests/v1" { #expect(answer.text == manifest) }
        }
    }

    @Test("19: a failed PUT doesn't move the session, so a restart from 0 on the same session works")
    func trap19() async throws {
        let api = API()
        let session = try await api.begin("a")
        let failed = try await api.send(.PUT, "\(session)&digest=\(digest(of: content))", body: "012")
        #expect(failed.status == 400)
        let first = try await api.send(.PATCH, session, [("Content-Range", "0-4")], body: "01234")
        #expect(first.status == 202)
        let second = try await api.send(.PATCH, try first.location(), [("Content-Range", "5-9")], body: "56789")
        #expect(second.status == 202)
        #expect(try await api.send(.PUT, "\(try second.location())&digest=\(digest(of: content))").status == 201)
    }

    @Test("19: a failure of the storage in the middle leaves a session that goes on")
    func trap19Storage() async throws {
        let api = API()
        let session = try await api.send(.PATCH, try await api.begin("a"), body: "01234").location()
        api.storage.fail { call, _ in call.kind == .write ? .before(StorageError(.unavailable, "away")) : nil }
        let patch = try await api.send(.PATCH, session, body: "56789")
        #expect(patch.status == 503)
        #expect(patch["Retry-After"] == "1")
        api.storage.fail(nil)
        let again = try await api.send(.PATCH, session, [("Content-Range", "5-9")], body: "56789")
        #expect(again.status == 202)
        #expect(try await api.send(.PUT, "\(try again.location())&digest=\(digest(of: content))").status == 201)
    }

    @Test(
        "21: the list of referrers is 200 with exactly that type, also for the digest of zeros that clients ask for first"
    )
    func trap21() async throws {
        let zero = "sha256:" + String(repeating: "0", count: 64)
        let answer = try await API().send(.GET, "/v2/a/referrers/\(zero)")
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "application/vnd.oci.image.index.v1+json")
        #expect((answer.json["manifests"] as? [Any])?.isEmpty == true)
        // What isn't served is 404 by another code than NAME_UNKNOWN.
        let other = try await API().send(.GET, "/v2/a/unheard-of/\(zero)")
        #expect(other.status == 404)
        #expect(other.codes == ["UNSUPPORTED"])
    }

    @Test("22: OCI-Subject comes with a list that works, in which the tags of old clients are merged")
    func trap22() async throws {
        let api = API()
        let subject = try await api.pushImage(to: "a", tag: "v1")
        let old = ReferrerHandlerTests.referrer(digest(of: subject), "old")
        let new = ReferrerHandlerTests.referrer(digest(of: subject), "new")
        #expect(try await api.put(old, at: "/v2/a/manifests/\(digest(of: old))").status == 201)
        let index = Documents.list(.ociIndex, [(old, .ociManifest, "linux/amd64")])
        let tag = digest(of: subject).replacing(":", with: "-")
        #expect(try await api.put(index, at: "/v2/a/manifests/\(tag)", .ociIndex).status == 201)
        // As if Distribution had written all that.
        for path in api.storage.objects.keys where path.hasPrefix("/mooring/") { api.storage.uproot(path) }
        let put = try await api.put(new, at: "/v2/a/manifests/\(digest(of: new))")
        #expect(put["OCI-Subject"] == digest(of: subject))
        let list = try await api.send(.GET, "/v2/a/referrers/\(digest(of: subject))").json["manifests"]
        let digests = (list as? [[String: Any]])?.compactMap { $0["digest"] as? String }
        #expect(digests == [digest(of: old), digest(of: new)].sorted())
    }

    @Test("23: a refused tag deletion is 405, and so is what clients try next")
    func trap23() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        for change in [{ $0.deleteEnabled = false }, { $0.readOnly = true }] as [(inout RegistrySettings) -> Void] {
            let strict = API(api.storage, http: { _ in }, change)
            #expect(try await strict.send(.DELETE, "/v2/a/manifests/v1").status == 405)
            #expect(try await strict.send(.DELETE, "/v2/a/manifests/\(digest(of: manifest))").status == 405)
        }
        #expect(try await api.send(.GET, "/v2/a/manifests/v1").text == manifest)
    }

    @Test("24: tags are an array, and links advance to an end")
    func trap24() async throws {
        let api = API()
        for tag in ["a", "b", "c", "d"] { try await api.pushImage(to: "a", tag: tag) }
        var target = "/v2/a/tags/list?n=2"
        var found: [String] = []
        for _ in 0..<5 {
            let answer = try await api.send(.GET, target)
            found += try #require(answer.json["tags"] as? [String])
            guard let link = answer["Link"] else { break }
            let next = String(link.dropFirst().prefix { $0 != ">" })
            #expect(next != target)
            target = next
        }
        #expect(found == ["a", "b", "c", "d"])
        #expect(try await api.send(.GET, target)["Link"] == nil)
    }

    @Test(
        "25: what is legal in a manifest is taken, and comes back byte for byte",
        arguments: [
            #"{"schemaVersion":2,"config":CONFIG,"layers":[]}"#,
            #"{ "schemaVersion" : 2 , "config":CONFIG,"layers":[],"unknown":{"x":[1,null,1e9]} }"# + "\n\n",
            #"{"schemaVersion":2,"artifactType":"application/x","config":CONFIG,"layers":[EMPTY]}"#,
            #"{"schemaVersion":2,"config":CONFIG,"layers":[],"subject":MISSING}"#,
        ])
    func trap25(template: String) async throws {
        let api = API()
        try await api.push("{}", to: "a")
        try await api.push("", to: "a")
        let manifest =
            template
            .replacing("CONFIG", with: Documents.descriptor(MediaType("application/vnd.unheard.of"), "{}"))
            .replacing("EMPTY", with: Documents.descriptor(.octetStream, ""))
            .replacing("MISSING", with: Documents.descriptor(.ociManifest, "missing"))
        #expect(try await api.put(manifest, at: "/v2/a/manifests/v1").status == 201)
        #expect(try await api.send(.GET, "/v2/a/manifests/v1").text == manifest)
    }

    @Test("25: four megabytes are a manifest")
    func trap25Size() async throws {
        let api = API()
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a") }
        let base = Documents.image().utf8.count
        let manifest = Documents.image(note: String(repeating: "x", count: 4 * 1024 * 1024 - base))
        #expect(try await api.put(manifest, at: "/v2/a/manifests/v1").status == 201)
        #expect(try await api.send(.GET, "/v2/a/manifests/v1").body.readableBytes == 4 * 1024 * 1024)
    }

    @Test("26: an index without its children is refused by default, and children stay when tags move")
    func trap26() async throws {
        let api = API()
        let child = try await api.pushImage(to: "a", tag: "v1", note: "child")
        let sparse = Documents.list(.ociIndex, [("missing", .ociManifest, "linux/arm64")])
        #expect(try await api.put(sparse, at: "/v2/a/manifests/sparse", .ociIndex).codes == ["MANIFEST_BLOB_UNKNOWN"])
        let index = Documents.list(.ociIndex, [(child, .ociManifest, "linux/amd64")])
        #expect(try await api.put(index, at: "/v2/a/manifests/v1", .ociIndex).status == 201)
        #expect(try await api.send(.GET, "/v2/a/manifests/\(digest(of: child))").text == child)
    }

    @Test("27: clients that push the same blob, or move the same tag, at once all succeed")
    func trap27() async throws {
        let api = API()
        let manifests = try await withThrowingTaskGroup(of: String.self) { group in
            for index in 0..<16 {
                group.addTask { try await api.pushImage(to: "a", tag: "latest", note: "\(index % 4)") }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(manifests.count == 4)
        #expect(manifests.contains(try await api.send(.GET, "/v2/a/manifests/latest").text))
    }

    @Test("28: layers that lie elsewhere need not be pushed")
    func trap28() async throws {
        let api = API()
        try await api.push("{}", to: "a")
        let layer = Documents.descriptor(.dockerForeignLayer, "foreign", #","urls":["https://example.com/layer"]"#)
        let manifest = """
            {"schemaVersion":2,"mediaType":"\(MediaType.dockerManifest)",\
            "config":\(Documents.descriptor(.dockerConfig, "{}")),"layers":[\(layer)]}
            """
        #expect(try await api.put(manifest, at: "/v2/a/manifests/v1", .dockerManifest).status == 201)
    }

    @Test("29: unknown parameters are ignored")
    func trap29() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        #expect(try await api.send(.GET, "/v2/a/manifests/v1?ns=docker.io").text == manifest)
        #expect(try await api.send(.GET, "/v2/a/blobs/\(digest(of: "layer"))?ns=docker.io&x").text == "layer")
        let mount = "mount=\(digest(of: "layer"))&from=a&origin=docker.io"
        #expect(try await api.send(.POST, "/v2/b/blobs/uploads/?\(mount)").status == 201)
    }

    @Test("30: names stay as clients give them")
    func trap30() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "library/busybox", tag: "v1")
        #expect(try await api.send(.GET, "/v2/library/busybox/manifests/v1").text == manifest)
        #expect(try await api.send(.GET, "/v2/busybox/manifests/v1").status == 404)
    }

    @Test("32: tags are case-sensitive")
    func trap32() async throws {
        let api = API()
        let lower = try await api.pushImage(to: "a", tag: "tag", note: "lower")
        let upper = try await api.pushImage(to: "a", tag: "TAG", note: "upper")
        #expect(try await api.send(.GET, "/v2/a/manifests/tag").text == lower)
        #expect(try await api.send(.GET, "/v2/a/manifests/TAG").text == upper)
        #expect(try await api.send(.GET, "/v2/a/manifests/Tag").status == 404)
    }

    @Test("35: a fallback tag is an ordinary tag: a new index by tag, the old one deleted by its digest")
    func trap35() async throws {
        let api = API()
        let subject = try await api.pushImage(to: "a", tag: "v1", note: "subject")
        let tag = digest(of: subject).replacing(":", with: "-")
        var old: String?
        for note in ["one", "two"] {
            let signature = try await api.pushImage(to: "a", tag: "signature", note: note)
            let index = Documents.list(.ociIndex, [(signature, .ociManifest, "linux/amd64")])
            #expect(try await api.put(index, at: "/v2/a/manifests/\(tag)", .ociIndex).status == 201)
            if let old { #expect(try await api.send(.DELETE, "/v2/a/manifests/\(digest(of: old))").status == 202) }
            #expect(try await api.send(.GET, "/v2/a/manifests/\(tag)").text == index)
            old = index
        }
    }
}
