/* A disk that fails on demand, and one whose power can be cut: preloaded before the C library by the tests.

   Of files whose name holds ".db": while the file $DISK_WRITE exists, writing fails with the number of an error in it;
   while $DISK_SYNC exists, syncing does. With $DISK_SHADOW, each sync copies the file as it then is to that folder, and
   nothing else does: the folder is what a power cut would leave of it. A file that is removed is removed there at once.
   With $DISK_SLOW_US, each sync of any file takes that many microseconds at least. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int name_of(int fd, char *name, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, size - 1);
    if (length < 0) return 0;
    name[length] = 0;
    return strstr(name, ".db") != NULL;
}

static int demanded(const char *variable) {
    const char *path = getenv(variable);
    char text[16] = {0};
    if (!path) return 0;
    int fd = open(path, O_RDONLY);
    if (fd < 0) return 0;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    return length > 0 ? atoi(text) : 0;
}

static int refused(int fd, const char *variable) {
    char name[4096];
    int error = demanded(variable);
    if (!error || !name_of(fd, name, sizeof name)) return 0;
    errno = error;
    return 1;
}

static void shadow(int fd) {
    const char *folder = getenv("DISK_SHADOW");
    char name[4096], part[8300], whole[8300], block[65536];
    struct stat is;
    if (!folder || !name_of(fd, name, sizeof name) || fstat(fd, &is) || !S_ISREG(is.st_mode)) return;
    const char *base = strrchr(name, '/') + 1;
    snprintf(part, sizeof part, "%s/.part-%s", folder, base);
    snprintf(whole, sizeof whole, "%s/%s", folder, base);
    ssize_t (*really)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    int from = open(name, O_RDONLY), to = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t length;
    while ((length = read(from, block, sizeof block)) > 0)
        if (really(to, block, length) != length) abort();
    close(from);
    close(to);
    rename(part, whole);
}

int unlink(const char *name) {
    int (*really)(const char *) = dlsym(RTLD_NEXT, "unlink");
    const char *folder = getenv("DISK_SHADOW"), *base = strrchr(name, '/');
    char whole[8300];
    int done = really(name);
    if (!done && folder && base && strstr(base, ".db")) {
        snprintf(whole, sizeof whole, "%s%s", folder, base);
        really(whole);
    }
    return done;
}

static long microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void slow_down(long begun) {
    const char *least = getenv("DISK_SLOW_US");
    long left = least ? atol(least) - (microseconds() - begun) : 0;
    if (left > 0) usleep(left);
}

#define SYNC(function)                                            \
    int function(int fd) {                                        \
        int (*really)(int) = dlsym(RTLD_NEXT, #function);         \
        if (refused(fd, "DISK_SYNC")) return -1;                  \
        long begun = microseconds();                              \
        int done = really(fd);                                    \
        if (!done) shadow(fd);                                    \
        slow_down(begun);                                         \
        return done;                                              \
    }
SYNC(fsync)
SYNC(fdatasync)

#define PWRITE(function, offset_type)                                                     \
    ssize_t function(int fd, const void *bytes, size_t count, offset_type offset) {       \
        ssize_t (*really)(int, const void *, size_t, offset_type) = dlsym(RTLD_NEXT, #function); \
        return refused(fd, "DISK_WRITE") ? -1 : really(fd, bytes, count, offset);         \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t (*really)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    return refused(fd, "DISK_WRITE") ? -1 : really(fd, bytes, count);
}
