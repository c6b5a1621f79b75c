/* How every declaration of this library is spelled. */
#ifndef MINI_SYS_CDEFS_H
#define MINI_SYS_CDEFS_H

#ifdef __cplusplus
#define MINI_BEGIN extern "C" {
#define MINI_END }
#define MINI_NORETURN [[noreturn]]
#else
#define MINI_BEGIN
#define MINI_END
#define MINI_NORETURN _Noreturn
#endif

#endif
