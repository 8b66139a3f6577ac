import Dispatch
import Fuzzing
import Glibc

// What libFuzzer calls.

/// libFuzzer's own changes of bytes, guided by what the code compares.
@_silgen_name("LLVMFuzzerMutate")
private func mutateBytes(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maximum: Int) -> Int

private let seeds = (try? Seeds.all().map(\.bytes)) ?? []

/// Runs one input; a broken property ends the process, as a trap does, and libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let done = DispatchSemaphore(value: 0)
    Task.detached {
        do {
            try await FuzzInput.run(bytes)
        } catch {
            let message = Array("mooring-fuzz: \(error)\n".utf8)
            _ = write(STDERR_FILENO, message, message.count)
            abort()
        }
        done.signal()
    }
    done.wait()
    return 0
}

/// Changes an input: half of the time by the grammar, else by bytes.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maximum: Int, _ seed: CUnsignedInt) -> Int {
    var mutator = Mutator(seed: UInt64(seed))
    guard !seeds.isEmpty, seed % 2 == 0 else { return mutateBytes(data, size, maximum) }
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    let other = seeds[Int(seed / 2) % seeds.count]
    let changed = mutator.mutate(size == 0 ? other : input, with: other, maximum: maximum)
    UnsafeMutableBufferPointer(start: data, count: maximum).baseAddress?.update(from: changed, count: changed.count)
    return changed.count
}
