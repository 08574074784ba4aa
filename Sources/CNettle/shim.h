#pragma once
#include <nettle/chacha-poly1305.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/pbkdf2.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/version.h>

// Since version 4 the length of a digest is implied by its kind.
#if NETTLE_VERSION_MAJOR >= 4
#define TRIPSTORE_DIGEST(function, context, length, digest) function(context, digest)
#else
#define TRIPSTORE_DIGEST(function, context, length, digest) function(context, length, digest)
#endif

static inline void tripstore_sha256(size_t length, const uint8_t *bytes, uint8_t *digest) {
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, length, bytes);
    TRIPSTORE_DIGEST(sha256_digest, &context, SHA256_DIGEST_SIZE, digest);
}

static inline void tripstore_sha1(size_t length, const uint8_t *bytes, uint8_t *digest) {
    struct sha1_ctx context;
    sha1_init(&context);
    sha1_update(&context, length, bytes);
    TRIPSTORE_DIGEST(sha1_digest, &context, SHA1_DIGEST_SIZE, digest);
}

static inline void tripstore_hmac_sha256(
    size_t key_length, const uint8_t *key, size_t length, const uint8_t *bytes, uint8_t *digest) {
    struct hmac_sha256_ctx context;
    hmac_sha256_set_key(&context, key_length, key);
    hmac_sha256_update(&context, length, bytes);
    TRIPSTORE_DIGEST(hmac_sha256_digest, &context, SHA256_DIGEST_SIZE, digest);
}

/// Encrypts in place, and writes the tag of the ciphertext and of `associated`.
static inline void tripstore_chacha_poly1305_encrypt(
    const uint8_t *key, const uint8_t *nonce, size_t associated_length, const uint8_t *associated, size_t length,
    uint8_t *bytes, uint8_t *tag) {
    struct chacha_poly1305_ctx context;
    chacha_poly1305_set_key(&context, key);
    chacha_poly1305_set_nonce(&context, nonce);
    chacha_poly1305_update(&context, associated_length, associated);
    chacha_poly1305_encrypt(&context, length, bytes, bytes);
    TRIPSTORE_DIGEST(chacha_poly1305_digest, &context, CHACHA_POLY1305_DIGEST_SIZE, tag);
}

/// Decrypts in place; returns whether the tag matches the ciphertext and `associated`.
static inline int tripstore_chacha_poly1305_decrypt(
    const uint8_t *key, const uint8_t *nonce, size_t associated_length, const uint8_t *associated, size_t length,
    uint8_t *bytes, const uint8_t *tag) {
    struct chacha_poly1305_ctx context;
    uint8_t computed[CHACHA_POLY1305_DIGEST_SIZE];
    chacha_poly1305_set_key(&context, key);
    chacha_poly1305_set_nonce(&context, nonce);
    chacha_poly1305_update(&context, associated_length, associated);
    chacha_poly1305_decrypt(&context, length, bytes, bytes);
    TRIPSTORE_DIGEST(chacha_poly1305_digest, &context, CHACHA_POLY1305_DIGEST_SIZE, computed);
    return memeql_sec(computed, tag, sizeof computed);
}

static inline void tripstore_pbkdf2_hmac_sha256(
    size_t password_length, const uint8_t *password, unsigned iterations, size_t salt_length, const uint8_t *salt,
    size_t length, uint8_t *key) {
    pbkdf2_hmac_sha256(password_length, password, iterations, salt_length, salt, length, key);
}
