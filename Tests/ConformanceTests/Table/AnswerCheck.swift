import Foundation
import TestSupport
import Testing

/// Holds one answer against what it must be.
struct AnswerCheck {
    let answer: RawResponse
    let method: String
    let target: String
    let place: String
    /// Fills in placeholders; for a pattern, as text that matches itself.
    let fill: (String, _ isPattern: Bool) -> String

    private func expect(_ holds: Bool, _ what: @autoclosure () -> String) {
        if !holds { Issue.record("\(place): \(what()); got \(answer.brief)") }
    }

    /// What the exchange says.
    func callAsFunction(_ exchange: Exchange) {
        expect(answer.status == exchange.status, "must be \(exchange.status)")
        for (name, rule) in exchange.headers { check(name, rule) }
        check(exchange.body)
    }

    private func check(_ name: String, _ rule: HeaderRule) {
        let values = answer.values(of: name)
        switch rule {
        case .exactly(let text):
            expect(values == [fill(text, false)], "\(name) must be \(fill(text, false)), is \(values)")
        case .like(let pattern):
            let holds = values.count == 1 && matches(values[0], fill(pattern, true))
            expect(holds, "\(name) must match \(fill(pattern, true)), is \(values)")
        case .other(let text):
            expect(values.count == 1 && values != [fill(text, false)], "\(name) must not be \(fill(text, false)) again")
        case .absent: expect(values.isEmpty, "\(name) must not be there, is \(values)")
        case .list(let elements):
            let found = values.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }
            expect(found == elements, "\(name) must list \(elements), is \(values)")
        }
    }

    private func check(_ rule: BodyRule) {
        switch rule {
        case .any: break
        case .empty: expect(answer.body.isEmpty, "must have no body")
        case .exactly(let bytes): expect(answer.body == bytes, "must have just these \(bytes.count) bytes")
        case .text(let text): expect(answer.text == fill(text, false), "the body must be \(fill(text, false))")
        case .json(let text):
            expect(same(object(answer.text), object(fill(text, false))), "must be \(fill(text, false))")
        case .jsonWith(let text):
            let wanted = object(fill(text, false)) as? [String: Any] ?? [:]
            expect(!wanted.isEmpty && wanted.allSatisfy { same(answer.json[$0.key], $0.value) }, "must hold \(text)")
        case .errors(let codes): expect(self.codes == codes, "must be the errors \(codes)")
        case .error(let code, let detail):
            expect(
                codes == [code] && same(errors.first?["detail"], object(fill(detail, false))),
                "must be \(code) with detail \(fill(detail, false))")
        case .like(let pattern): expect(matches(answer.text, fill(pattern, true)), "the body must match \(pattern)")
        }
    }

    /// What holds for every answer of the registry.
    func always() {
        expect(answer.status < 500, "no request of a client may yield 5xx")
        let isProbe = target == "/"
        if !isProbe { check("Docker-Distribution-API-Version", "registry/2.0") }
        let several: Set = ["link", "oci-tag", "warning"]
        let single = answer.headers.map { $0.name.lowercased() }.filter { !several.contains($0) }
        expect(Set(single).count == single.count, "a header twice")
        warnings()
        if method == "HEAD" || answer.status == 204 || answer.status == 304 {
            expect(answer.body.isEmpty, "must have no body")
        } else if answer.status >= 400 {
            envelope()
        }
        if answer.status >= 400 { check("Content-Type", "application/json") }
    }

    /// Section "Warnings": code 299, no agent, no date, at most 4096 bytes together.
    private func warnings() {
        let warnings = answer.values(of: "Warning")
        for warning in warnings { expect(matches(warning, #"299 - "([^"\\]|\\.)*""#), "a malformed Warning") }
        expect(warnings.reduce(0) { $0 + $1.utf8.count } <= 4096, "too many bytes of warnings")
    }

    /// Section "Error codes": one JSON object, once.
    private func envelope() {
        let whole = object(answer.text) as? [String: Any]
        expect(whole?.keys.sorted() == ["errors"] && !errors.isEmpty, "must be one error envelope")
        for error in errors {
            expect(matches(error["code"] as? String ?? "", "[A-Z_]+"), "a code of capitals and underscores")
            expect((error["message"] as? String)?.isEmpty == false, "a message for people")
            expect(Set(error.keys).isSubset(of: ["code", "message", "detail"]), "no other members")
        }
    }

    private var errors: [[String: Any]] { answer.json["errors"] as? [[String: Any]] ?? [] }
    private var codes: [String] { errors.compactMap { $0["code"] as? String } }

    private func object(_ text: String) -> Any? {
        try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    private func same(_ left: Any?, _ right: Any?) -> Bool {
        guard let left = left as? NSObject, let right = right as? NSObject else { return false }
        return left.isEqual(right)
    }

    private func matches(_ text: String, _ pattern: String) -> Bool {
        guard let range = text.range(of: "^(?:\(pattern))$", options: .regularExpression) else { return false }
        return range == text.startIndex..<text.endIndex
    }
}
