/* Whether this build runs under AddressSanitizer (gcc and clang say it differently). */
#ifndef NEXACORE_READER_SANITIZED_H
#define NEXACORE_READER_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
