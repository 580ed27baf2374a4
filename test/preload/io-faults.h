// What goes wrong, for io-record.c. To be called with its lock held.
//
//   IO_RECORD_FAIL_SYNC  first,every: of the fsyncs of files the first to fail with EIO, and after how many the next
//   IO_RECORD_FULL       a path: while a file is there, the folder's files may grow together by as many bytes as it
//                        says in it, then every write that would make one grow fails with ENOSPC
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UNLIMITED = -1 };

static int first_failure, failures_every;
static const char *full;

static void die(const char *why) {
  fprintf(stderr, "io-record: %s: %s\n", why, strerror(errno));
  abort();
}

static void start_faults(void) {
  const char *syncs = getenv("IO_RECORD_FAIL_SYNC");
  if (syncs && sscanf(syncs, "%d,%d", &first_failure, &failures_every) != 2) die("which fsyncs are to fail");
  full = getenv("IO_RECORD_FULL");
}

static int sync_is_to_fail(void) {
  static int syncs;
  return failures_every > 0 && ++syncs >= first_failure && (syncs - first_failure) % failures_every == 0;
}

/** How many of the bytes may be written where that makes the file grow. */
static size_t room_for(size_t bytes, int64_t offset, const struct stat *file) {
  static int64_t left = UNLIMITED;
  int fd = full ? (int)syscall(SYS_openat, AT_FDCWD, full, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) {
    left = UNLIMITED;
    return bytes;
  }
  if (left == UNLIMITED) {
    char text[32] = "";
    if (read(fd, text, sizeof text - 1) < 0) die("it does not say how much room there is");
    left = atoll(text);
  }
  syscall(SYS_close, fd);
  int64_t growth = offset + (int64_t)bytes - (file->st_size > offset ? file->st_size : offset);
  if (growth <= 0) return bytes;
  int64_t granted = growth < left ? growth : left;
  left -= granted;
  return bytes - (size_t)(growth - granted);
}

static ssize_t no_room(void) {
  errno = ENOSPC;
  return -1;
}
