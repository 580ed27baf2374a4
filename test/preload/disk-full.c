/*
 * A disk that is full for as long as the file exists that GROUNDSTATE_DISK_FULL names. The file holds a part of a path:
 * to files whose path contains it nothing can be written, or, behind a plus sign, nothing beyond their end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_posix_fallocate)(int, off_t, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);

static const char *flag;

__attribute__((constructor)) static void prepare(void) {
  /* A copy: some programs write their title over their environment. */
  const char *given = getenv("GROUNDSTATE_DISK_FULL");
  flag = given == NULL ? NULL : strdup(given);
  real_write = REAL(write);
  real_pwrite = REAL(pwrite);
  real_pwritev = REAL(pwritev);
  real_posix_fallocate = REAL(posix_fallocate);
  real_fallocate = REAL(fallocate);
}

/* What the flag says, or 0 where there is none. */
static int read_flag(char *said, size_t size) {
  if (flag == NULL) return 0;
  int file = open(flag, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, said, size - 1);
  close(file);
  if (length <= 0) return 0;
  said[length] = '\0';
  return 1;
}

/* Whether there is no room in a file for a write there; at its position, where the offset is negative. */
static int is_full(int fd, off_t offset, off_t count) {
  int before = errno;
  char said[PATH_MAX], link[64], path[PATH_MAX];
  int full = 0;
  if (read_flag(said, sizeof said)) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    if (offset < 0) offset = lseek(fd, 0, SEEK_CUR);
    int only_growth = said[0] == '+';
    struct stat file;
    int fits = only_growth && fstat(fd, &file) == 0 && offset + count <= file.st_size;
    full = !fits && strstr(path, said + only_growth) != NULL;
  }
  errno = before;
  return full;
}

static ssize_t no_room(void) {
  errno = ENOSPC;
  return -1;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  return is_full(fd, -1, (off_t)count) ? no_room() : real_write(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  return is_full(fd, offset, (off_t)count) ? no_room() : real_pwrite(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  return pwrite(fd, bytes, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  off_t length = 0;
  for (int i = 0; i < count; i++) length += (off_t)parts[i].iov_len;
  return is_full(fd, offset, length) ? no_room() : real_pwritev(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return pwritev(fd, parts, count, offset);
}

int posix_fallocate(int fd, off_t offset, off_t count) {
  return is_full(fd, offset, count) ? ENOSPC : real_posix_fallocate(fd, offset, count);
}

int posix_fallocate64(int fd, off64_t offset, off64_t count) {
  return posix_fallocate(fd, offset, count);
}

int fallocate(int fd, int mode, off_t offset, off_t count) {
  return is_full(fd, offset, count) ? (int)no_room() : real_fallocate(fd, mode, offset, count);
}
