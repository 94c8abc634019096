// relay: the ceiling for large messages on a machine. One thread writes, one takes what it wrote from a socket and sends it on over another, one reads:
// four passes over loopback, as through a broker, and nothing else. Prints: MB/s.
//   relay [-b bytes per call of the relay, 262144] [-s seconds, 3]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <getopt.h>

static int block = 262144, seconds = 3; static volatile int stop; static volatile int64_t carried;
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static void die(const char *m) { perror(m); exit(1); }

// A connected pair over loopback: TCP, as clients use it.
static void dial(int *a, int *b) {
  int l = socket(AF_INET, SOCK_STREAM, 0); struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}; socklen_t n = sizeof at;
  if (bind(l, (void *)&at, n) || listen(l, 1) || getsockname(l, (void *)&at, &n)) die("listen");
  *a = socket(AF_INET, SOCK_STREAM, 0); if (connect(*a, (void *)&at, n)) die("connect"); if ((*b = accept(l, 0, 0)) < 0) die("accept"); close(l);
}
static int pass(int fd, const uint8_t *p, ssize_t n) { while (n > 0) { ssize_t w = send(fd, p, n, MSG_NOSIGNAL); if (w <= 0) return 0; p += w; n -= w; } return 1; }
static void *produce(void *fd) { uint8_t *b = calloc(1, 65536); while (!stop && pass((int)(intptr_t)fd, b, 65536)); shutdown((int)(intptr_t)fd, SHUT_RDWR); return 0; }
static void *consume(void *fd) { uint8_t *b = malloc(1 << 20); ssize_t n; while ((n = recv((int)(intptr_t)fd, b, 1 << 20, 0)) > 0) carried += n; return 0; }
static void *relay(void *fds) {
  int *f = fds; uint8_t *b = malloc(block); ssize_t n; while ((n = recv(f[0], b, block, 0)) > 0 && pass(f[1], b, n)); shutdown(f[1], SHUT_RDWR); return 0;
}
int main(int c, char **v) {
  int o; while ((o = getopt(c, v, "b:s:")) != -1) switch (o) { case 'b': block = atoi(optarg); break; case 's': seconds = atoi(optarg); break; default: return 2; }
  int in[2], out[2]; dial(&in[0], &in[1]); dial(&out[0], &out[1]); int middle[2] = {in[1], out[0]}; pthread_t t[3];
  pthread_create(t, 0, consume, (void *)(intptr_t)out[1]); pthread_create(t + 1, 0, relay, middle); pthread_create(t + 2, 0, produce, (void *)(intptr_t)in[0]);
  usleep(200000); int64_t from = carried; double since = now(); sleep(seconds); printf("MB/s %.0f\n", (carried - from) / (now() - since) / 1e6); stop = 1;
  for (int i = 0; i < 3; i++) pthread_join(t[i], 0);
  return 0;
}
