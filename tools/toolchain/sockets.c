/* What libpython imports and the C library of WASI preview 1 does not have.
   Here it is, and always fails: symbols are bound when a program is loaded. */
#include <errno.h>
#include <stddef.h>

typedef const void *any;

int h_errno;

static int fail(void) {
  errno = ENOSYS;
  return -1;
}

int socket(int domain, int type, int protocol) { return fail(); }
int bind(int fd, any address, int size) { return fail(); }
int listen(int fd, int backlog) { return fail(); }
int connect(int fd, any address, int size) { return fail(); }
int setsockopt(int fd, int level, int name, any value, int size) { return fail(); }
int getsockname(int fd, any address, any size) { return fail(); }
int getpeername(int fd, any address, any size) { return fail(); }
int recvfrom(int fd, any to, int size, int flags, any address, any address_size) { return fail(); }
int sendto(int fd, any from, int size, int flags, any address, int address_size) { return fail(); }

enum { NAME_FAIL = -4 }; /* EAI_FAIL */

int getaddrinfo(any node, any service, any hints, any result) { return NAME_FAIL; }
int getnameinfo(any address, int size, any host, int host_size, any service, int service_size,
                int flags) {
  return NAME_FAIL;
}
void freeaddrinfo(any info) {}
const char *gai_strerror(int error) { return "no network"; }
const char *hstrerror(int error) { return "no network"; }
any gethostbyname(any name) { return NULL; }
any gethostbyaddr(any address, int size, int type) { return NULL; }
any getservbyname(any name, any protocol) { return NULL; }
any getservbyport(int port, any protocol) { return NULL; }
any getprotobyname(any name) { return NULL; }
