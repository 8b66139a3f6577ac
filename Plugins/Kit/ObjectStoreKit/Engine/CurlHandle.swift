import CCurl

/// libcurl's global state: set up once for the process, however many engines there are.
enum CurlLibrary {
    /// Whether libcurl can be used. It is thread-safe, and never cleaned up: other plugins use it too.
    static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK
}

/// The owner of an easy handle.
struct EasyHandle: ~Copyable {
    let raw: UnsafeMutableRawPointer

    init?() {
        guard let made = curl_easy_init() else { return nil }
        raw = made
    }

    deinit { curl_easy_cleanup(raw) }
}

/// The owner of a list of header lines.
struct HeaderList: ~Copyable {
    private(set) var first: UnsafeMutablePointer<curl_slist>?

    /// Adds a line; false if there is no memory.
    mutating func append(_ line: String) -> Bool {
        guard let grown = curl_slist_append(first, line) else { return false }
        first = grown
        return true
    }

    deinit { curl_slist_free_all(first) }
}

/// An easy handle with what it points to. Used again for one transfer after the other; belongs to the engine's thread.
final class CurlHandle {
    private let easy: EasyHandle
    private let errorText: UnsafeMutableBufferPointer<CChar>
    private var headers = HeaderList()

    init?() {
        guard let easy = EasyHandle() else { return nil }
        self.easy = easy
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0)
    }

    deinit { errorText.deallocate() }

    var raw: UnsafeMutableRawPointer { easy.raw }

    /// Makes the handle as new, but for what libcurl keeps of names and sessions. It must be in no multi handle.
    func reset() {
        curl_easy_reset(raw)
        headers = HeaderList()
        errorText.update(repeating: 0)
        shim_set_pointer(raw, CURLOPT_ERRORBUFFER, errorText.baseAddress)
    }

    /// What libcurl says about the failure; may be empty.
    var errorMessage: String {
        let bytes = errorText.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Sets the header lines, which live as long as the handle isn't reset; false if there is no memory.
    func setHeaders(_ lines: [String]) -> Bool {
        var list = HeaderList()
        for line in lines { guard list.append(line) else { return false } }
        headers = list
        return shim_set_list(raw, CURLOPT_HTTPHEADER, headers.first) == CURLE_OK
    }

    func set(_ option: CURLoption, _ value: Int) { shim_set_long(raw, option, value) }
    func set(_ option: CURLoption, _ flag: Bool) { shim_set_long(raw, option, flag ? 1 : 0) }
    func set(_ option: CURLoption, _ text: String?) { shim_set_text(raw, option, text) }
}
