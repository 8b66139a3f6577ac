/// The list of repositories. Each row looks at those below its own name.
enum CatalogRows {
    private static let path = "/v2/_catalog"
    private static let three = ["a", "b", "a/1"].flatMap { Given.image(in: "{repo}/\($0)") }
    private static func list(_ names: String...) -> BodyRule {
        .json(#"{"repositories":[\#(names.map { "\"{repo}/\($0)\"" }.joined(separator: ","))]}"#)
    }

    @RowsBuilder static var all: [Row] {
        Row(
            "catalog.all", "The repositories as an array", ["route-catalog"], given: three,
            get(path).gives(200, ["Content-Type": "application/json"], .like(#"\{"repositories":\["[^\]]*"\]\}\n"#)))
        Row(
            "catalog.head", "HEAD is 200, for probes", ["trap-34", "route-catalog", "http"],
            head(path).gives(200, ["Content-Type": "application/json"], .empty))
        Row(
            "catalog.pages", "Pages in one order, a repository before those below it, with Links that advance",
            ["route-catalog", "header-link", "catalog-order"], given: three,
            get(path + "?n=2&last={repo}").gives(
                200, ["Link": .like("</v2/_catalog\\?last=rows%2F[a-z-]+%2Fa%2F1&n=2>; rel=\"next\"")], list("a", "a/1")
            ),
            get(path + "?last={repo}%2Fa%2F1&n=1").gives(200, [:], list("b")))
        Row(
            "catalog.last", "`last` need not exist", ["route-catalog"], given: three,
            get(path + "?n=1&last={repo}%2Fa%2Fzzz").gives(200, [:], list("b")),
            get(path + "?n=5&last=zzzz").gives(
                200, ["Link": .absent], .json(#"{"repositories":[]}"#)), get(path + "?last=%00..%2F").gives(200))
        Row(
            "catalog.zero", "`n=0` is an empty list without Link", ["route-catalog"],
            get(path + "?n=0").gives(200, ["Link": .absent], .json(#"{"repositories":[]}"#)))
        for (number, n) in ["x", "-1", "99999999999999999999"].enumerated() {
            Row(
                "catalog.bad-n-\(number + 1)", "`n=\(n)` is 400, with its text",
                ["code-PAGINATION_NUMBER_INVALID", "route-catalog"],
                get(path + "?n=" + n).gives(400, [:], .error("PAGINATION_NUMBER_INVALID", detail: #"{"n":"\#(n)"}"#)))
        }
        Row(
            "catalog.maximum", "`n` above `catalog.maxentries` is 400",
            ["code-PAGINATION_NUMBER_INVALID", "catalog-maximum"],
            server: .smallPages, get(path + "?n=4").gives(400, [:], .error("PAGINATION_NUMBER_INVALID")),
            get(path + "?n=3").gives(200))
        Row(
            "catalog.members", "A repository is listed from its first manifest on, also after the last is gone",
            ["route-catalog", "catalog-members"],
            given: Given.blob(.layer, to: "{repo}/upload-only") + Given.image(in: "{repo}/was"),
            delete("/v2/{repo}/was/manifests/v1").gives(202),
            delete("/v2/{repo}/was/manifests/\(Content.image().sha256)").gives(202),
            get(path + "?n=1&last={repo}").gives(200, [:], list("was")))
    }
}
