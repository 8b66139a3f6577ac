import CCurl

extension CurlHandle {
    /// Sets everything that a transfer needs; false if libcurl has no memory.
    func configure(
        for transfer: Transfer, _ configuration: HTTPConfiguration, share: UnsafeMutableRawPointer?,
        sockets: EngineSockets
    ) -> Bool {
        reset()
        setAddress(transfer.request)
        setLimits(transfer.timeouts)
        setTrust(configuration)
        setMethod(transfer.request)
        setCallbacks(transfer, sockets)
        shim_set_pointer(raw, CURLOPT_SHARE, share)
        set(CURLOPT_USERAGENT, configuration.userAgent)
        return setHeaders(Self.lines(of: transfer.request))
    }

    private func setAddress(_ request: HTTPRequest) {
        set(CURLOPT_URL, request.url)
        // A key may hold anything between its slashes; the signature is over the path as it is.
        set(CURLOPT_PATH_AS_IS, true)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        set(CURLOPT_FOLLOWLOCATION, request.maximumRedirects > 0)
        set(CURLOPT_MAXREDIRS, max(request.maximumRedirects, 0))
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        // Otherwise the environment says it, as for every program that uses libcurl.
        if !request.usesProxy { set(CURLOPT_PROXY, "") }
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
        set(CURLOPT_TCP_KEEPALIVE, true)
        // A connection that was idle for longer is likely to be gone on the other side.
        set(CURLOPT_MAXAGE_CONN, 25)
    }

    private func setLimits(_ timeouts: HTTPTimeouts) {
        set(CURLOPT_NOSIGNAL, true)
        set(CURLOPT_CONNECTTIMEOUT_MS, Int(clamping: max(timeouts.connect, 1)))
        // Ending a transfer must not wait for a name server that doesn't answer.
        set(CURLOPT_QUICK_EXIT, true)
        set(CURLOPT_BUFFERSIZE, 64 << 10)
    }

    private func setTrust(_ configuration: HTTPConfiguration) {
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        set(CURLOPT_SSL_VERIFYPEER, configuration.verifiesTLS ? 1 : 0)
        set(CURLOPT_SSL_VERIFYHOST, configuration.verifiesTLS ? 2 : 0)
        if let file = configuration.caFile { set(CURLOPT_CAINFO, file) }
        // With a directory of authorities beside the file libcurl would read the file again for each connection.
        set(CURLOPT_CAPATH, nil)
    }

    private func setMethod(_ request: HTTPRequest) {
        let count = request.body.count
        switch request.method {
        case .head: set(CURLOPT_NOBODY, true)
        case .get where count == 0: set(CURLOPT_HTTPGET, true)
        case .delete where count == 0:
            set(CURLOPT_HTTPGET, true)
            set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        default:
            set(CURLOPT_UPLOAD, true)
            set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
            shim_set_offset(raw, CURLOPT_INFILESIZE_LARGE, curl_off_t(count))
            if count > 64 << 10 { set(CURLOPT_UPLOAD_BUFFERSIZE, 256 << 10) }
        }
    }

    private func setCallbacks(_ transfer: Transfer, _ sockets: EngineSockets) {
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        shim_set_prereq(raw, TransferCallbacks.willSend)
        shim_set_pointer(raw, CURLOPT_PREREQDATA, context)
        shim_set_transfer(raw, CURLOPT_READFUNCTION, TransferCallbacks.read)
        shim_set_pointer(raw, CURLOPT_READDATA, context)
        shim_set_seek(raw, TransferCallbacks.seek)
        shim_set_pointer(raw, CURLOPT_SEEKDATA, context)
        shim_set_transfer(raw, CURLOPT_HEADERFUNCTION, TransferCallbacks.header)
        shim_set_pointer(raw, CURLOPT_HEADERDATA, context)
        shim_set_transfer(raw, CURLOPT_WRITEFUNCTION, TransferCallbacks.write)
        shim_set_pointer(raw, CURLOPT_WRITEDATA, context)
        shim_set_open(raw, TransferCallbacks.openSocket)
        shim_set_pointer(raw, CURLOPT_OPENSOCKETDATA, context)
        shim_set_close(raw, TransferCallbacks.closeSocket)
        // The connection outlives the transfer.
        shim_set_pointer(raw, CURLOPT_CLOSESOCKETDATA, Unmanaged.passUnretained(sockets).toOpaque())
    }

    /// The header lines: those of the request, `Host` as it was signed, and without those that libcurl would add.
    private static func lines(of request: HTTPRequest) -> [String] {
        var lines = ["Host: \(request.endpoint.authority)"]
        for absent in ["Accept", "Expect", "Content-Type"] where request.headers[absent] == nil {
            lines.append("\(absent):")
        }
        for field in request.headers.all where field.name.lowercased() != "host" {
            // A semicolon is libcurl's way to say that the value is empty.
            lines.append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        return lines
    }
}
