/* checksum.h - CRC-32C with the processor's own instruction, which Swift can't say. */
#ifndef MOORING_CHECKSUM_H
#define MOORING_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Whether `checksum_crc32c` may be called on this processor. */
static inline int checksum_has_crc32c(void) {
#if defined(__x86_64__)
    unsigned int a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) && (c >> 20 & 1); /* SSE 4.2 */
#elif defined(__aarch64__)
    return (getauxval(AT_HWCAP) >> 7 & 1) != 0; /* HWCAP_CRC32 */
#else
    return 0;
#endif
}

/** Goes on with a CRC-32C: `crc` is its register, neither inverted at the beginning nor at the end. */
#if defined(__x86_64__)
__attribute__((target("sse4.2")))
#elif defined(__aarch64__)
__attribute__((target("crc")))
#endif
static inline uint32_t
checksum_crc32c(uint32_t crc, const uint8_t *_Nullable bytes, size_t count) {
#if defined(__x86_64__)
    uint64_t wide = crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; count > 0; bytes++, count--)
        crc = __builtin_ia32_crc32qi(crc, *bytes);
#elif defined(__aarch64__)
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        crc = __builtin_arm_crc32cd(crc, word);
    }
    for (; count > 0; bytes++, count--)
        crc = __builtin_arm_crc32cb(crc, *bytes);
#else
    (void)bytes, (void)count;
#endif
    return crc;
}

#ifdef __cplusplus
}
#endif
#endif /* MOORING_CHECKSUM_H */
