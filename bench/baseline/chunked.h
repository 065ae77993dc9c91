/* A reply in chunks (RFC 9112, 7.1), taken apart as it comes. */
#include "http.h"

#include <ctype.h>

/* Begin with all zero, once the reply's head has been read. */
struct chunked {
  size_t left; /* of the chunk that is under way */
  size_t size;
  enum { SIZE, DATA, LINE_END, LAST, WHOLE } at;
};

/* Takes bytes up to the end of a piece of the body, which `*piece` and `*length` then are, or of all. Returns how many it took. */
static inline size_t chunk(struct chunked *c, const char *data, size_t bytes, const char **piece, size_t *length) {
  *piece = data;
  *length = 0;
  for (size_t i = 0; i < bytes; i++) {
    char byte = data[i];
    if (c->at == SIZE && isxdigit(byte)) c->size = c->size * 16 + (size_t)(isdigit(byte) ? byte - '0' : (byte | 32) - 'a' + 10);
    else if (c->at == SIZE && byte == '\n') c->at = c->size > 0 ? DATA : LAST, c->left = c->size, c->size = 0;
    else if (c->at == LINE_END && byte == '\n') c->at = SIZE;
    else if (c->at == LAST && byte == '\n') return c->at = WHOLE, i + 1;
    else if (c->at == DATA) {
      *piece = data + i;
      *length = c->left < bytes - i ? c->left : bytes - i;
      c->left -= *length;
      if (c->left == 0) c->at = LINE_END;
      return i + *length;
    } else must(byte == '\r', "read a reply in chunks: it is none");
  }
  return bytes;
}

/* Reads the head of a reply, which has to be 200 and in chunks, and what came with it: `data` holds that then. Returns its length. */
static inline size_t chunked_head(int fd, char *data, size_t size) {
  size_t got = 0;
  char *end = NULL, coding[32];
  while (!end) {
    ssize_t more = recv(fd, data + got, size - 1 - got, 0);
    must(more > 0, "receive a reply");
    got += (size_t)more;
    data[got] = 0;
    end = strstr(data, "\r\n\r\n");
  }
  end[2] = 0;
  header(data, "transfer-encoding", coding, sizeof coding);
  if (strncmp(data, "HTTP/1.1 200", 12) != 0 || strcmp(coding, "chunked") != 0) {
    fprintf(stderr, "not a reply in chunks: %s\n", data);
    exit(1);
  }
  got -= (size_t)(end + 4 - data);
  memmove(data, end + 4, got);
  return got;
}
