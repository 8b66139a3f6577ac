/* openssl_shim.h - the part of libcrypto that the object-store kit uses; macros as functions. */
#ifndef MOORING_OPENSSL_SHIM_H
#define MOORING_OPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Asks nobody for a passphrase; OpenSSL's own callback would read from the terminal. */
static inline int shim_no_passphrase(char *_Nullable buffer, int size, int writing, void *_Nullable context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

/** A private key of PEM text; NULL if it is none or is encrypted. To be freed with EVP_PKEY_free. */
static inline EVP_PKEY *_Nullable shim_private_key(const void *_Nonnull pem, int count) {
    BIO *source = BIO_new_mem_buf(pem, count);
    if (!source)
        return NULL;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(source, NULL, shim_no_passphrase, NULL);
    BIO_free(source);
    ERR_clear_error();
    return key;
}

/** Whether the key is for RSA. */
static inline int shim_is_rsa(const EVP_PKEY *_Nonnull key) {
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
}

/** Signs a message with PKCS#1 v1.5. `signature` has room for EVP_PKEY_get_size bytes; returns how many there are, or
 * 0. */
static inline size_t shim_sign(EVP_PKEY *_Nonnull key, const EVP_MD *_Nonnull digest,
                               const unsigned char *_Nullable message, size_t count, unsigned char *_Nonnull signature,
                               size_t room) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return 0;
    size_t length = room;
    if (EVP_DigestSignInit(context, NULL, digest, NULL, key) != 1 ||
        EVP_DigestSign(context, signature, &length, message, count) != 1)
        length = 0;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return length;
}

#ifdef __cplusplus
}
#endif
#endif /* MOORING_OPENSSL_SHIM_H */
