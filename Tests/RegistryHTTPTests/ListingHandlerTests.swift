import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Listings over HTTP")
struct ListingHandlerTests {
    private let storage = TestStorage()

    private func plant(_ repository: String, tags: [String] = ["latest"]) {
        for tag in tags {
            storage.plant("x", at: "/docker/registry/v2/repositories/\(repository)/_manifests/tags/\(tag)/current/link")
        }
    }

    /// All pages, by their links.
    private func pages(_ api: API, _ first: String, _ key: String) async throws -> [[String]] {
        var pages: [[String]] = []
        var target: String? = first
        while let current = target, pages.count < 100 {
            let answer = try await api.send(.GET, current)
            #expect(answer.status == 200)
            #expect(answer["Content-Type"] == "application/json")
            pages.append(try #require(answer.json[key] as? [String]))
            target = try answer["Link"].map { link in
                let match = try #require(link.wholeMatch(of: /<([^>]*)>; rel="next"/))
                #expect(match.1.hasPrefix("/v2/"))
                return String(match.1)
            }
        }
        return pages
    }

    @Test("The catalog comes in pages by links, to its end")
    func catalogPages() async throws {
        let names = (0..<25).map { "team/app-\(10 + $0)" }
        for name in names { plant(name) }
        let api = API(storage)
        #expect(try await pages(api, "/v2/_catalog", "repositories") == [names])
        let byTen = try await pages(api, "/v2/_catalog?n=10&ignored=1", "repositories")
        #expect(byTen.map(\.count) == [10, 10, 5])
        #expect(byTen.flatMap { $0 } == names)
        let first = try await api.send(.GET, "/v2/_catalog?n=5")
        #expect(first["Link"] == #"</v2/_catalog?last=team%2Fapp-14&n=5>; rel="next""#)
        #expect(try await pages(api, "/v2/_catalog?n=25", "repositories") == [names])
    }

    @Test("An empty catalog, and none asked for, are empty lists without a link")
    func emptyCatalog() async throws {
        let api = API(storage)
        let empty = try await api.send(.GET, "/v2/_catalog")
        #expect(empty.text == "{\"repositories\":[]}\n")
        plant("a")
        let none = try await api.send(.GET, "/v2/_catalog?n=0")
        #expect(none.text == "{\"repositories\":[]}\n")
        #expect(none["Link"] == nil)
    }

    @Test(
        "A number that is none, or too large for the catalog, is PAGINATION_NUMBER_INVALID",
        arguments: ["-1", "x", "1.5", "99999999999999999999", "0x10", "%20"])
    func badNumbers(number: String) async throws {
        let api = API(storage)
        plant("a")
        for path in ["/v2/_catalog", "/v2/a/tags/list"] {
            let answer = try await api.send(.GET, "\(path)?n=\(number)")
            #expect(answer.status == 400)
            #expect(answer.codes == ["PAGINATION_NUMBER_INVALID"])
            // The catalog says what was sent, the tags say what number it is (reference §1.6).
            if path.hasSuffix("list") {
                #expect(answer.errors[0]["detail"] as? [String: Int] == ["n": Int(number) ?? 0])
            } else {
                #expect(answer.errors[0]["detail"] as? [String: String] == ["n": number == "%20" ? " " : number])
            }
        }
        let tooMany = try await api.send(.GET, "/v2/_catalog?n=1001")
        #expect(tooMany.status == 400 && tooMany.codes == ["PAGINATION_NUMBER_INVALID"])
        #expect(tooMany.errors[0]["detail"] as? [String: Int] == ["n": 1001])
        #expect(try await api.send(.GET, "/v2/_catalog?n=1000").status == 200)
        #expect(try await API(storage, { $0.catalogMaximum = 5 }).send(.GET, "/v2/_catalog?n=6").status == 400)
        #expect(try await API(storage, { $0.catalogMaximum = 5 }).send(.GET, "/v2/_catalog").status == 200)
    }

    @Test("Without a number the catalog comes by hundreds, or by as many as it may; an empty one is none")
    func noNumber() async throws {
        for index in 0..<130 { plant("app-\(1000 + index)") }
        for query in ["", "?n=", "?n=&other=1"] {
            let page = try await API(storage).send(.GET, "/v2/_catalog\(query)")
            #expect((page.json["repositories"] as? [String])?.count == 100)
            #expect(page["Link"] == #"</v2/_catalog?last=app-1099&n=100>; rel="next""#)
        }
        let few = try await API(storage, { $0.catalogMaximum = 7 }).send(.GET, "/v2/_catalog")
        #expect(few["Link"] == #"</v2/_catalog?last=app-1006&n=7>; rel="next""#)
        #expect(try await API(storage).send(.GET, "/v2/app-1000/tags/list?n=").json["tags"] as? [String] == ["latest"])
    }

    @Test("A full page of the catalog has a link only if more follows, one of tags always")
    func fullPages() async throws {
        for name in ["a", "b"] { plant(name, tags: ["1", "2"]) }
        let api = API(storage)
        #expect(try await api.send(.GET, "/v2/_catalog?n=2")["Link"] == nil)
        #expect(try await api.send(.GET, "/v2/_catalog?n=1")["Link"] == #"</v2/_catalog?last=a&n=1>; rel="next""#)
        let full = try await api.send(.GET, "/v2/a/tags/list?n=2&x=y")
        #expect(full["Link"] == #"</v2/a/tags/list?last=2&n=2>; rel="next""#)
        let next = try await api.send(.GET, "/v2/a/tags/list?last=2&n=2")
        #expect(next.text == "{\"name\":\"a\",\"tags\":[]}\n")
        #expect(next["Link"] == nil)
        #expect(try await api.send(.GET, "/v2/a/tags/list?n=3")["Link"] == nil)
    }

    @Test("A list of tags that is sent as it is read is the same document, and one that fails on the way is cut")
    func streamedTags() async throws {
        for count in [3999, 4000, 4001, 9000] {
            let name = "r\(count)"
            let tags = (0..<count).map { "t\(10_000 + $0)" }
            plant(name, tags: tags)
            let answer = try await API(storage).send(.GET, "/v2/\(name)/tags/list")
            let list = tags.map { "\"\($0)\"" }.joined(separator: ",")
            #expect(answer.text == "{\"name\":\"\(name)\",\"tags\":[\(list)]}\n")
            #expect(answer["Content-Type"] == "application/json" && answer["Link"] == nil)
            #expect(try await API(storage).send(.HEAD, "/v2/\(name)/tags/list").status == 200)
        }
        storage.fail { call, _ in
            call.kind == .list ? .before(StorageError(.unavailable, "gone")) : nil
        }
        #expect(try await API(storage).send(.GET, "/v2/r9000/tags/list").status == 503)
    }

    @Test("Tags without a number come all; with one in pages by links, and too large a one is cut")
    func tagPages() async throws {
        let tags = (0..<1200).map { "t\(1000 + $0)" }
        plant("a/b", tags: tags)
        let api = API(storage)
        let all = try await api.send(.GET, "/v2/a/b/tags/list")
        #expect(all.json["name"] as? String == "a/b")
        #expect(all.json["tags"] as? [String] == tags)
        #expect(all["Link"] == nil)
        let cut = try await api.send(.GET, "/v2/a/b/tags/list?n=5000")
        #expect((cut.json["tags"] as? [String])?.count == 1000)
        #expect(cut["Link"] == #"</v2/a/b/tags/list?last=t1999&n=1000>; rel="next""#)
        let byFiveHundred = try await pages(api, "/v2/a/b/tags/list?n=500", "tags")
        #expect(byFiveHundred.flatMap { $0 } == tags)
        let byHundred = try await pages(api, "/v2/a/b/tags/list?n=100&last=t2100", "tags")
        #expect(byHundred.flatMap { $0 } == Array(tags.suffix(99)))
    }

    @Test("Tags of none are an empty list, of an unknown repository NAME_UNKNOWN")
    func noTags() async throws {
        let api = API(storage)
        storage.plant("x", at: "/docker/registry/v2/repositories/a/_manifests/revisions/sha256/x/link")
        #expect(try await api.send(.GET, "/v2/a/tags/list").text == "{\"name\":\"a\",\"tags\":[]}\n")
        plant("a")
        #expect(try await api.send(.GET, "/v2/a/tags/list?n=0").text == "{\"name\":\"a\",\"tags\":[]}\n")
        #expect(try await api.send(.GET, "/v2/a/tags/list?last=zzz").text == "{\"name\":\"a\",\"tags\":[]}\n")
        let unknown = try await api.send(.GET, "/v2/nowhere/tags/list")
        #expect(unknown.status == 404)
        #expect(unknown.codes == ["NAME_UNKNOWN"])
        #expect(unknown.errors[0]["detail"] as? [String: String] == ["name": "nowhere"])
        for query in ["n=0", "n=5", "last=x", "n=5&last=x"] {
            #expect(try await api.send(.GET, "/v2/nowhere/tags/list?\(query)").codes == ["NAME_UNKNOWN"])
        }
    }

    @Test("HEAD of a listing is its head")
    func heads() async throws {
        plant("a")
        for path in ["/v2/_catalog", "/v2/a/tags/list", "/v2/"] {
            let get = try await API(storage).send(.GET, path)
            let head = try await API(storage).send(.HEAD, path)
            #expect(head.status == 200)
            #expect(head["Content-Length"] == String(get.body.readableBytes))
        }
    }

    @Test(
        "No last is too strange",
        arguments: ["%00", "..%2F..", "%FF", "a%2F%2Fb", "%22%3E", "_layers", "a/_layers", "é"])
    func strangeLast(last: String) async throws {
        plant("a")
        plant("b")
        for path in ["/v2/_catalog", "/v2/a/tags/list"] {
            for n in ["", "&n=1"] {
                #expect(try await API(storage).send(.GET, "\(path)?last=\(last)\(n)").status == 200)
            }
        }
    }
}
