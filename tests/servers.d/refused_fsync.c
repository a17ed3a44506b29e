/* Loaded before the C library: a disk that takes every write and refuses to keep a file of some size. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int file)
{
    struct stat status;

    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 1000) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, file);
}
