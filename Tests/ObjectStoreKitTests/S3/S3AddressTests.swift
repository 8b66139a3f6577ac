import ObjectStoreKit
import Testing

/// Which server, and what stands before a key.
@Suite("Addresses of buckets")
struct S3AddressTests {
    private func address(_ change: (inout S3Address.Choice) -> Void) throws -> String {
        var choice = S3Address.Choice()
        choice.bucket = "registry"
        choice.region = "eu-central-1"
        change(&choice)
        let address = try S3Address(choice)
        return address.endpoint.url + address.pathPrefix
    }

    @Test("Amazon's endpoints")
    func amazon() throws {
        #expect(try address { _ in } == "https://registry.s3.eu-central-1.amazonaws.com/")
        #expect(try address { $0.isSecure = false } == "http://registry.s3.eu-central-1.amazonaws.com/")
        #expect(try address { $0.forcesPathStyle = true } == "https://s3.eu-central-1.amazonaws.com/registry/")
        #expect(try address { $0.bucket = "a.b.c" } == "https://s3.eu-central-1.amazonaws.com/a.b.c/")
        #expect(try address { $0.bucket = "Capital" } == "https://s3.eu-central-1.amazonaws.com/Capital/")
        #expect(
            try address { $0.usesDualStack = true } == "https://registry.s3.dualstack.eu-central-1.amazonaws.com/")
        #expect(
            try address {
                $0.usesFIPS = true
                $0.region = "us-gov-west-1"
            } == "https://registry.s3-fips.us-gov-west-1.amazonaws.com/")
        #expect(try address { $0.accelerates = true } == "https://registry.s3-accelerate.amazonaws.com/")
        #expect(
            try address {
                $0.accelerates = true
                $0.usesDualStack = true
            } == "https://registry.s3-accelerate.dualstack.amazonaws.com/")
        #expect(try address { $0.region = "cn-north-1" } == "https://registry.s3.cn-north-1.amazonaws.com.cn/")
    }

    @Test("Other stores' endpoints")
    func others() throws {
        func other(_ url: String, _ change: (inout S3Address.Choice) -> Void = { _ in }) throws -> String {
            try address {
                $0.regionEndpoint = url
                change(&$0)
            }
        }
        #expect(try other("https://store.example.com:9000") == "https://registry.store.example.com:9000/")
        #expect(
            try other("https://store.example.com:9000") { $0.forcesPathStyle = true }
                == "https://store.example.com:9000/registry/")
        #expect(try other("store.example.com") == "https://registry.store.example.com/")
        #expect(try other("store.example.com") { $0.isSecure = false } == "http://registry.store.example.com/")
        #expect(try other("http://127.0.0.1:8333") == "http://127.0.0.1:8333/registry/")
        #expect(try other("http://[::1]:8333") == "http://[::1]:8333/registry/")
        #expect(
            try other("https://gate.example.com/s3") { $0.forcesPathStyle = true }
                == "https://gate.example.com/s3/registry/")
    }

    @Test("A mistake names its option")
    func mistakes() {
        func option(_ change: @escaping (inout S3Address.Choice) -> Void) -> String? {
            #expect(throws: S3Address.Mistake.self) { try address(change) }?.option
        }
        #expect(option { $0.bucket = "" } == "bucket")
        #expect(option { $0.bucket = "a/b" } == "bucket")
        #expect(option { $0.region = "nowhere" } == "region")
        #expect(option { $0.region = "eu-central-1.evil.example" } == "region")
        #expect(option { $0.regionEndpoint = "ftp://x" } == "regionendpoint")
        #expect(
            option {
                $0.regionEndpoint = "https://x"
                $0.accelerates = true
            } == "accelerate")
        #expect(
            option {
                $0.accelerates = true
                $0.bucket = "a.b"
            } == "accelerate")
    }
}

/// How large parts are.
@Suite("Parts of uploads")
struct S3PartSizeTests {
    @Test("10,000 parts hold the largest object, and none is too large")
    func growth() {
        for chunk: UInt64 in [5 << 20, 10 << 20, 64 << 20] {
            let sizes = S3PartSizes(chunk: chunk, areEqual: false)
            #expect(sizes.size(ofPart: 1) == chunk && sizes.size(ofPart: 900) == chunk)
            #expect(sizes.size(ofPart: 901) == 2 * chunk)
            #expect(sizes.size(ofFirst: S3PartSizes.mostParts) >= S3PartSizes.largestObject)
            #expect((1...10_000).allSatisfy { sizes.size(ofPart: $0) <= S3PartSizes.most })
        }
        let sizes = S3PartSizes(chunk: 10 << 20, areEqual: false)
        #expect(sizes.size(ofFirst: 0) == 0)
        #expect(sizes.size(ofFirst: 901) == (900 * 10 + 20) << 20)
    }

    @Test("Equal parts are as large as a known size needs")
    func equal() {
        let whole: UInt64 = 1 << 40
        let sizes = S3PartSizes(chunk: 10 << 20, areEqual: true, whole: whole)
        #expect(sizes.size(ofPart: 1) == sizes.size(ofPart: 10_000))
        #expect(sizes.size(ofFirst: 10_000) >= whole)
        #expect(S3PartSizes(chunk: 10 << 20, areEqual: true, whole: 1 << 30).first == 10 << 20)
    }
}
