/* The little of HTTP/1.1 that a measuring client needs: replies with Content-Length, over a kept-alive connection. */
#include "helper.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static inline int dial(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

/* Dials again if the server has closed the connection meanwhile, as servers do when nothing is asked for some seconds. */
static inline int still_dialled(int fd, int port) {
  char next;
  if (recv(fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) != 0) return fd;
  close(fd);
  return dial(port);
}

/* The value of a header, copied; "" when it is not there. `head` ends with a NUL. */
static inline void header(const char *head, const char *name, char *value, size_t size) {
  size_t length = strlen(name);
  value[0] = 0;
  for (const char *line = head; (line = strstr(line, "\r\n")) != NULL;) {
    line += 2;
    if (strncasecmp(line, name, length) != 0 || line[length] != ':') continue;
    const char *from = line + length + 1 + strspn(line + length + 1, " "), *to = strstr(from, "\r\n");
    snprintf(value, size, "%.*s", (int)(to ? to - from : (long)strlen(from)), from);
    return;
  }
}

/* The whole length of the reply that begins at `data`, 0 while its head is not complete. */
static inline size_t reply_length(char *data, size_t *head_length) {
  char *end = strstr(data, "\r\n\r\n"), length[32];
  if (!end) return 0;
  *head_length = (size_t)(end + 4 - data);
  char kept = end[2];
  end[2] = 0;
  header(data, "content-length", length, sizeof length);
  end[2] = kept;
  return *head_length + strtoul(length, NULL, 10);
}
