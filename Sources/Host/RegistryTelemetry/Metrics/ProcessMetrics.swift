import Glibc
import Synchronization

extension MetricsStore {
    /// Defines the metrics that Prometheus' own libraries give for a process, and reads them before each exposition:
    /// `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds`, `process_max_fds`,
    /// `process_start_time_seconds`.
    public func addProcessMetrics() throws(MetricError) {
        let cpu = try define(
            kind: .counter, name: "process_cpu_seconds_total", help: "Time the process kept processors busy.")
        let memory = try define(
            kind: .gauge, name: "process_resident_memory_bytes", help: "Memory of the process that is in RAM.")
        let open = try define(kind: .gauge, name: "process_open_fds", help: "Open file descriptors.")
        let limit = try define(kind: .gauge, name: "process_max_fds", help: "Most file descriptors that may be open.")
        let start = try define(
            kind: .gauge, name: "process_start_time_seconds", help: "When the process was started, in Unix time.")
        record(start, Double(Timestamp.now.seconds))
        let counted = Mutex(0.0)
        addCollector { store in
            let busy = ProcessState.processorSeconds
            let more = counted.withLock { counted in
                defer { counted = max(counted, busy) }
                return max(0, busy - counted)
            }
            store.record(cpu, more)
            if let bytes = ProcessState.residentBytes { store.record(memory, bytes) }
            if let count = ProcessState.openDescriptors { store.record(open, count) }
            store.record(limit, ProcessState.maximumDescriptors)
        }
    }
}

/// What the system says of this process.
private enum ProcessState {
    static var processorSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    /// The second number of `/proc/self/statm`, in pages.
    static var residentBytes: Double? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let numbers = String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ")
        return numbers.dropFirst().first.flatMap { Double($0) }.map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) }
    }

    static var openDescriptors: Double? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Not counted: the two names every directory has, and the descriptor of this one.
        return Double(max(0, count - 3))
    }

    static var maximumDescriptors: Double {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return limit.rlim_cur == UInt(bitPattern: -1) ? .infinity : Double(limit.rlim_cur)
    }
}
