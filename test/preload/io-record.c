// Preloaded into a process, writes down in one total order what it does to the files of one folder, and can make that
// fail. What is mapped into memory is not seen.
//
//   IO_RECORD_FOLDER  the folder, an absolute path without links; only files that lie in it directly are recorded
//   IO_RECORD_LOG     where to write the record, outside of the folder
//   and what io-faults.h takes
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io-faults.h"

enum { MOST_FILES = 65536 };

/** One entry of the record; the name and the data follow it. */
struct entry {
  uint8_t op;
  uint8_t unused;
  uint16_t name_length;
  uint32_t data_length;
  uint64_t inode;
  int64_t offset;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[4096];
static size_t folder_length;
static struct stat folder_stat;
static int record = -1;

/** The inodes of the files that were opened in the folder. */
static ino_t files[MOST_FILES];
static int file_count;

__attribute__((constructor)) static void start(void) {
  const char *given = getenv("IO_RECORD_FOLDER"), *path = getenv("IO_RECORD_LOG");
  if (!given || !path) return;
  folder_length = (size_t)snprintf(folder, sizeof folder, "%s/", given);
  if (stat(given, &folder_stat)) die("no folder");
  record = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (record < 0) die("no record");
  start_faults();
}

static void note(char op, uint64_t inode, int64_t offset, const char *name, const void *data, size_t length) {
  struct entry entry = {(uint8_t)op, 0, (uint16_t)strlen(name), (uint32_t)length, inode, offset};
  struct iovec parts[] = {{&entry, sizeof entry}, {(void *)name, entry.name_length}, {(void *)data, length}};
  ssize_t whole = (ssize_t)(sizeof entry + entry.name_length + length);
  if (syscall(SYS_writev, record, parts, 3) != whole) die("the record is incomplete");
}

/** The name of a path that lies in the folder, or NULL. */
static const char *name_of(const char *path) {
  if (record < 0 || strncmp(path, folder, folder_length) != 0) return NULL;
  return strchr(path + folder_length, '/') ? NULL : path + folder_length;
}

/** 'f' for a file of the folder, 'd' for the folder itself, 0 for anything else. */
static char kind_of(int fd, struct stat *found) {
  if (record < 0 || fstat(fd, found) || found->st_dev != folder_stat.st_dev) return 0;
  if (found->st_ino == folder_stat.st_ino) return 'd';
  for (int i = file_count - 1; i >= 0; i--)
    if (files[i] == found->st_ino) return 'f';
  return 0;
}

/** Unlocks, and hands on what the system answered. */
static ssize_t leave(ssize_t answer, int error) {
  pthread_mutex_unlock(&lock);
  errno = error;
  return answer;
}

/** Locks if it is a file of the folder. */
static int enter(int fd, struct stat *file) {
  int error = errno;
  pthread_mutex_lock(&lock);
  if (kind_of(fd, file) == 'f') return 1;
  leave(0, error);
  return 0;
}

static int leave_open(int fd, int error, const char *name, int is_new, int is_emptied) {
  struct stat found;
  if (fd < 0 || fstat(fd, &found) || !S_ISREG(found.st_mode)) return (int)leave(fd, error);
  if (is_new || kind_of(fd, &found) != 'f') {
    if (file_count == MOST_FILES) die("too many files");
    files[file_count++] = found.st_ino;
  }
  note('O', found.st_ino, is_new, name, "", 0);
  if (is_emptied && !is_new) note('T', found.st_ino, 0, "", "", 0);
  return (int)leave(fd, error);
}

static ssize_t leave_write(ssize_t written, const struct stat *file, int64_t offset, const void *bytes) {
  int error = errno;
  if (written > 0) note('W', file->st_ino, offset, "", bytes, (size_t)written);
  return leave(written, error);
}

static int leave_truncate(int answer, const struct stat *file, int64_t size) {
  int error = errno;
  if (!answer) note('T', file->st_ino, size, "", "", 0);
  return (int)leave(answer, error);
}

static int sync_with(int (*sync)(int), int fd) {
  struct stat file;
  pthread_mutex_lock(&lock);
  char kind = kind_of(fd, &file);
  if (kind == 'f' && sync_is_to_fail()) {
    note('X', file.st_ino, 0, "", "", 0);
    return (int)leave(-1, EIO);
  }
  int answer = sync(fd), error = errno;
  if (kind && !answer) note(kind == 'd' ? 'D' : 'S', file.st_ino, 0, "", "", 0);
  return (int)leave(answer, error);
}

static int leave_remove(int answer, const char *name) {
  int error = errno;
  if (name && !answer) note('U', 0, 0, name, "", 0);
  return (int)leave(answer, error);
}

// What follows takes the place of the system's functions.

#define REAL(name)               \
  static __typeof__(name) *real; \
  if (!real) real = dlsym(RTLD_NEXT, #name)

#define OPEN(name)                                                        \
  int name(const char *path, int flags, ...) {                            \
    REAL(name);                                                           \
    va_list rest;                                                         \
    va_start(rest, flags);                                                \
    mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;           \
    va_end(rest);                                                         \
    if (!name_of(path)) return real(path, flags, mode);                   \
    pthread_mutex_lock(&lock);                                            \
    int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;            \
    int fd = real(path, flags, mode);                                     \
    return leave_open(fd, errno, name_of(path), is_new, flags & O_TRUNC); \
  }

#define PWRITE(name, offset_type)                                                         \
  ssize_t name(int fd, const void *bytes, size_t length, offset_type offset) {            \
    REAL(name);                                                                           \
    struct stat file;                                                                     \
    if (!enter(fd, &file)) return real(fd, bytes, length, offset);                        \
    size_t room = room_for(length, offset, &file);                                        \
    ssize_t written = room < length && !room ? no_room() : real(fd, bytes, room, offset); \
    return leave_write(written, &file, offset, bytes);                                    \
  }

#define FTRUNCATE(name, size_type)                      \
  int name(int fd, size_type size) {                    \
    REAL(name);                                         \
    struct stat file;                                   \
    if (!enter(fd, &file)) return real(fd, size);       \
    return leave_truncate(real(fd, size), &file, size); \
  }

OPEN(open)
PWRITE(pwrite, off_t)
FTRUNCATE(ftruncate, off_t)
#ifdef __GLIBC__
OPEN(open64)
PWRITE(pwrite64, off64_t)
FTRUNCATE(ftruncate64, off64_t)
#endif

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(write);
  struct stat file;
  if (!enter(fd, &file)) return real(fd, bytes, length);
  int64_t offset = lseek(fd, 0, SEEK_CUR);
  size_t room = room_for(length, offset, &file);
  ssize_t written = room < length && !room ? no_room() : real(fd, bytes, room);
  return leave_write(written, &file, offset, bytes);
}

#define SYNC(name)              \
  int name(int fd) {            \
    REAL(name);                 \
    return sync_with(real, fd); \
  }

SYNC(fsync)
SYNC(fdatasync)

#define REMOVE(name)                                \
  int name(const char *path) {                      \
    REAL(name);                                     \
    pthread_mutex_lock(&lock);                      \
    return leave_remove(real(path), name_of(path)); \
  }

REMOVE(unlink)
REMOVE(remove)

int unlinkat(int at, const char *path, int flags) {
  REAL(unlinkat);
  char whole[8192], handle[64];
  snprintf(handle, sizeof handle, "/proc/self/fd/%d", at);
  ssize_t length = path[0] == '/' || at == AT_FDCWD ? 0 : readlink(handle, whole, sizeof whole / 2);
  if (length < 0) length = 0;
  snprintf(whole + length, sizeof whole - (size_t)length, length ? "/%s" : "%s", path);
  pthread_mutex_lock(&lock);
  return leave_remove(real(at, path, flags), name_of(whole));
}

int link(const char *path, const char *other) {
  REAL(link);
  pthread_mutex_lock(&lock);
  const char *from = name_of(path), *to = name_of(other);
  int answer = real(path, other), error = errno;
  if (from && to && !answer) note('L', 0, 0, from, to, strlen(to));
  return (int)leave(answer, error);
}
