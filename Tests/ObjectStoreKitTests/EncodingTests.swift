import Testing

@testable import ObjectStoreKit

@Suite("Encodings of texts, bytes and times")
struct EncodingTests {
    @Test("Percent-encoding leaves only what is unreserved")
    func percent() {
        #expect(PercentEncoding.component("a b/c+d=&?~-._é") == "a%20b%2Fc%2Bd%3D%26%3F~-._%C3%A9")
        #expect(PercentEncoding.path("/a b/c*") == "/a%20b/c%2A")
        #expect(PercentEncoding.decode("a%20b%2Fc%2bd+") == "a b/c+d+")
        for bad in ["%", "%2", "%zz", "%ff"] { #expect(PercentEncoding.decode(bad) == nil, "\(bad)") }
    }

    @Test("Hexadecimal digits there and back")
    func hex() {
        #expect(Hex.encode([0, 1, 0xAB, 0xFF]) == "0001abff")
        #expect(Hex.decode("0001aBFf") == [0, 1, 0xAB, 0xFF])
        for bad in ["0", "0g", "é"] { #expect(Hex.decode(bad) == nil) }
    }

    @Test(
        "Base64 of RFC 4648",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.encodeURL(Array(plain.utf8)) == encoded.filter { $0 != "=" })
        #expect(Base64.decode(encoded) == Array(plain.utf8))
        #expect(Base64.decode(encoded.filter { $0 != "=" }) == Array(plain.utf8))
    }

    @Test("Base64 of every length, in both alphabets")
    func base64Lengths() {
        for length in 0..<70 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 91 &+ length) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.decode(Base64.encodeURL(bytes)) == bytes)
        }
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
        #expect(Base64.encodeURL([0xFB, 0xFF]) == "-_8")
        for bad in ["Z", "Zg=", "Z===", "====", "Zm9v!", "Zh=="] { #expect(Base64.decode(bad) == nil, "\(bad)") }
    }

    @Test("Times in all their forms")
    func times() {
        let time = Timestamp(unixSeconds: 1_369_353_600)
        #expect(time.rfc1123 == "Fri, 24 May 2013 00:00:00 GMT")
        #expect(time.iso8601 == "2013-05-24T00:00:00Z")
        #expect(time.iso8601Milliseconds == "2013-05-24T00:00:00.000Z")
        #expect(time.basicDateTime == "20130524T000000Z")
        #expect(time.basicDate == "20130524")
        #expect(Timestamp(unixNanoseconds: 1_369_353_600_123_456_789).iso8601Milliseconds == "2013-05-24T00:00:00.123Z")
        #expect(Timestamp(unixSeconds: 951_782_399).iso8601 == "2000-02-28T23:59:59Z")
        #expect(Timestamp(unixSeconds: 951_868_799).iso8601 == "2000-02-29T23:59:59Z")
        #expect(Timestamp(unixNanoseconds: -1).iso8601 == "1969-12-31T23:59:59Z")
        #expect(Timestamp(unixNanoseconds: .min).iso8601.hasPrefix("1677-09-21"))
        #expect(Timestamp(unixNanoseconds: .max).iso8601Milliseconds.hasPrefix("2262-04-11"))
        #expect(Timestamp(unixSeconds: .max).adding(seconds: .max).unixNanoseconds == .max)
        #expect(Timestamp(unixSeconds: .min).adding(seconds: .min).unixNanoseconds == .min)
    }

    @Test(
        "What a store writes as a time is read",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Fri, 24 May 2013 00:00:00 GMT", 1_369_353_600),
        ])
    func httpDates(text: String, seconds: Int64) {
        #expect(Timestamp(rfc1123: text)?.unixSeconds == seconds)
    }

    @Test(
        "ISO 8601 is read with fractions, offsets and without separators",
        arguments: [
            ("2013-05-24T00:00:00Z", 1_369_353_600_000_000_000), ("2013-05-24T00:00:00.5Z", 1_369_353_600_500_000_000),
            ("2013-05-24T00:00:00.123456789123Z", 1_369_353_600_123_456_789),
            ("2013-05-24T01:00:00+01:00", 1_369_353_600_000_000_000),
            ("2013-05-23T23:30:00-0030", 1_369_353_600_000_000_000), ("20130524T000000Z", 1_369_353_600_000_000_000),
            ("2013-05-24 00:00:00Z", 1_369_353_600_000_000_000),
        ])
    func isoDates(text: String, nanoseconds: Int64) {
        #expect(Timestamp(iso8601: text)?.unixNanoseconds == nanoseconds)
    }

    @Test(
        "What is no time is none",
        arguments: [
            "", "T", "TZ", "2013-02-29T00:00:00Z", "2013-13-01T00:00:00Z", "2013-05-24T24:00:00Z",
            "2013-05-24T00:00:00",
            "2013-05-24T00:00:00.Z", "2013-05-24T00:00:00+1", "2013-05-24", "٢٠١٣-٠٥-٢٤T00:00:00Z",
            "99999-01-01T00:00:00Z",
            "2013-05-24T00:00:00Zx", "Fri, 24 Mai 2013 00:00:00 GMT", "Fri, 24 May 2013 00:00 GMT", "24 May 2013",
        ])
    func noTimes(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
        #expect(Timestamp(rfc1123: text) == nil)
    }

    @Test("Every day of 800 years is found again")
    func calendar() {
        for day in stride(from: -146_097, through: 146_097, by: 1) {
            let time = CalendarTime(unixSeconds: Int64(day) * 86_400 + 3661)
            #expect(time.unixSeconds == Int64(day) * 86_400 + 3661)
        }
    }

    @Test("Retry-After in seconds, as a date, and as nonsense")
    func retryAfter() {
        let now = Timestamp(unixSeconds: 784_111_777)
        #expect(RetryAfter.nanoseconds("2", now: now) == 2_000_000_000)
        #expect(RetryAfter.nanoseconds("Sun, 06 Nov 1994 08:49:47 GMT", now: now) == 10_000_000_000)
        #expect(RetryAfter.nanoseconds("Sun, 06 Nov 1994 08:49:07 GMT", now: now) == 0)
        #expect(RetryAfter.nanoseconds("99999999999999999999", now: now) == 86_400_000_000_000)
        for bad in [nil, "", "-1", "soon", "1.5"] { #expect(RetryAfter.nanoseconds(bad, now: now) == nil) }
    }
}
