/* Loaded before the C library: a disk that fails at what REFUSES names, of a file or in a piece of some size. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuses(const char *call, int file, long long bytes)
{
    const char *refused = getenv("REFUSES");
    struct stat status;

    return refused && strcmp(refused, call) == 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
           status.st_size + bytes > 8000;
}

int fsync(int file)
{
    if (refuses("fsync", file, 0)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, file);
}

ssize_t write(int file, const void *bytes, size_t count)
{
    if (refuses("write", file, (long long)count)) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_write, file, bytes, count);
}
